"""Read-side use case: the recorded column lineage, and how much of it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from penstock.app.reading import Rows, StateReader
from penstock.errors import WarehouseError
from penstock.graph.column_walk import ColumnMap, Link, Spot

COLUMN_QUERIES = ("show_column_lineage", "show_lineage", "show_columns")

Coverage = tuple[str, int, int, str]
"""An asset, its columns, how many of them are known, and why not all."""


def column_map_of(state: StateReader, wanted: Callable[[str], bool]) -> ColumnMap:
    """Return the recorded column lineage into the assets that are wanted; an empty one in a store of an earlier version."""
    with suppress(WarehouseError):
        return column_map([state.query(name) for name in COLUMN_QUERIES], wanted)
    return ColumnMap(())


def column_map(answers: Sequence[Rows], wanted: Callable[[str], bool]) -> ColumnMap:
    """Return the map that the rows of each of `COLUMN_QUERIES` draw."""
    edges, lineage, columns = answers
    links = [Link(Spot(row[0], row[1]), Spot(row[2], row[3]), row[4], row[5]) for row in edges if wanted(row[2])]
    known: dict[str, list[str]] = {}
    for asset, column in columns:
        known.setdefault(asset, []).append(column)
    return ColumnMap(links, [(row[0], row[1]) for row in lineage if wanted(row[1])], known)


def coverage_of(state: StateReader) -> list[Coverage]:
    """Return how much is known of each asset that holds rows; nothing in a store of an earlier version."""
    with suppress(WarehouseError):
        return [(row[0], row[1], row[2], row[3]) for row in state.query("show_coverage")]
    return []
