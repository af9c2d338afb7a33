"""The lineage of columns on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from penstock.graph.column_walk import EVERY_COLUMN, ROWS, ColumnMap, Link, Spot, walked
from penstock.plan.names import display
from penstock.ui.lineage_graphs import Arrow, branches, grouped


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction of lineage: its name, the links next to a column there, and which end of them lies further on."""

    title: str
    near: Callable[[Spot], Sequence[Link]]
    end: Callable[[Link], Spot]

    def tree(self, spot: Spot, depth: int | None) -> tuple[str, list[str]]:
        """Return the title and the lines of all that can be reached from a column."""
        kept = frozenset(walked([spot], self.near, self.end, depth))
        count = len({self.end(link).folded for link in kept} - {spot.folded})

        def beside(one: Spot) -> list[tuple[Spot, str]]:
            mine = one == spot or one.asset != spot.asset  # what decides about the rows of `spot` stands beside it already
            return _beside((link for link in self.near(one) if link in kept and (mine or link.target.column != ROWS)), self.end)

        return f"{label(spot)}  {self.title}: {count}", list(branches(spot, beside, label))


def column_trees(columns: ColumnMap, spot: Spot, up: int | None, down: int | None) -> Iterator[tuple[str, list[str]]]:
    """Yield the title and the lines of what a column comes from, and of what it flows into, over at most so many links."""
    yield _Side("upstream", columns.origins, lambda link: link.source).tree(spot, up)
    yield _Side("downstream", columns.uses, lambda link: link.target).tree(spot, down)


def _beside(links: Iterable[Link], end: Callable[[Link], Spot]) -> list[tuple[Spot, str]]:
    """Return the ends of some links with how they got there, columns before rows."""
    found: dict[Spot, set[str]] = {}
    for link in links:
        found.setdefault(end(link), set()).add(link.kind)
    return [(spot, ", ".join(sorted(found[spot] - {"rows"}))) for spot in sorted(found, key=lambda spot: (spot.column == ROWS, spot))]


def label(spot: Spot) -> str:
    """Return a column as people say it."""
    name = display(spot.asset)
    return {ROWS: f"{name} (rows)", EVERY_COLUMN: f"{name} (any column)"}.get(spot.column, f"{name}.{spot.column}")


def arrows(links: Iterable[Link]) -> list[Arrow[Spot]]:
    """Return the arrows between columns, one for all links between the same two."""
    return grouped((link.source, link.target, "" if link.kind == "rows" else link.kind) for link in links)


def as_json(links: Iterable[Link]) -> list[dict[str, str]]:
    """Return links as plain values."""
    return [
        {
            "from_asset": link.source.asset,
            "from_column": link.source.column,
            "to_asset": link.target.asset,
            "to_column": link.target.column,
            "kind": link.kind,
            **({"detail": link.detail} if link.detail else {}),
        }
        for link in links
    ]


def coverage_line(rows: Sequence[tuple[str, int, int, str]]) -> str:
    """Return how much of the recorded column lineage is known, in one line; `rows` are asset, columns, known, reason."""
    total, known = sum(row[1] for row in rows), sum(row[2] for row in rows)
    doubts = [f"{display(asset)}: {reason or 'some columns'}" for asset, columns, told, reason in rows if told < columns or reason]
    more = f" and {len(doubts) - 2} more" if len(doubts) > 2 else ""
    return f"Column lineage is known of {known} of {total} columns" + (f"; not of {'; '.join(doubts[:2])}{more}." if doubts else ".")
