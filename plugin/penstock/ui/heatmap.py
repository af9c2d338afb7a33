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
    """One partition: its key, its bounds in UTC (None without a time dimension, or where only a failure is known), and its status."""

    key: str
    start: datetime | None
    end: datetime | None
    status: str


def heatmap(title: str, cells: Sequence[Cell], styled: Callable[[str, str], str]) -> list[str]:
    """Return the lines of the map, what the marks mean, and how many partitions there are of each status."""
    rows: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    timed = any(cell.start is not None for cell in cells)
    for cell in sorted(cells, key=lambda cell: _time(cell.key)) if timed else cells:
        rows[_row(cell.key) if timed else ("", "")].append(cell)
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


def _time(key: str) -> str:
    """Return the part of a key that says the period: such keys of one grain sort as their periods do."""
    parts = [part.rpartition("=")[2] for part in key.split(",")]
    return next((part for part in parts if part[:4].isdigit()), parts[0])


def _row(key: str) -> tuple[str, str]:
    """Return the other dimensions, and the month of days, the day of hours, the year of anything longer."""
    time = _time(key)
    others = ",".join(part for part in key.split(",") if part.rpartition("=")[2] != time)
    if "T" in time:
        return others, time.split("T")[0]
    return others, time[:7] if len(time) == len("2024-01-01") else time[:4]
