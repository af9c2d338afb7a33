"""Partitions as a map of one character each: a line for each month (or year, or day of hours) and value of the other dimensions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

MARKS = {"held": ("#", "green"), "missing": (".", "yellow"), "failed": ("x", "red"), "waiting": ("?", "dim"), "stale": ("~", "yellow")}
"""What stands for a status, with and without colours."""

WRAP = 62


@dataclass(frozen=True, slots=True)
class Cell:
    """One partition: its key, its bounds in UTC (None without a time dimension), and its status."""

    key: str
    start: datetime | None
    end: datetime | None
    status: str


def heatmap(title: str, cells: Sequence[Cell], styled: Callable[[str, str], str]) -> list[str]:
    """Return the lines of the map, what the marks mean, and how many partitions there are of each status."""
    rows: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        rows[_row(cell)].append(cell)
    width = max(len(" ".join(filter(None, label))) for label in rows)
    lines = [title]
    for label in sorted(rows):
        marks = rows[label]
        for first in range(0, len(marks), WRAP):
            name = " ".join(filter(None, label)) if first == 0 else ""
            line = "".join(styled(*MARKS.get(cell.status, ("!", "red"))) for cell in marks[first : first + WRAP])
            lines.append(f"  {name:<{width}}  {line}")
    counts = Counter(cell.status for cell in cells)
    legend = ", ".join(
        f"{MARKS.get(status, ('!', ''))[0]} {counts[status]:,} {status}"
        for status in (*MARKS, *(counts.keys() - MARKS.keys()))
        if counts[status]
    )
    return [*lines, "", f"  {legend}"]


def _row(cell: Cell) -> tuple[str, str]:
    """Return the other dimensions, and the month of days, the day of hours, the year of anything longer."""
    if cell.start is None or cell.end is None:
        return "", ""
    parts = cell.key.split(",")
    time = next((part for part in parts if part.rpartition("=")[2][:4].isdigit()), parts[0])
    others = ",".join(part for part in parts if part is not time)
    key = time.rpartition("=")[2]
    if "T" in key:
        return others, key.split("T")[0]
    return others, key[:7] if len(key) == len("2024-01-01") else key[:4]
