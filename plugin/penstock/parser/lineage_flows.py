"""How values flow: the columns of tables that something depends on, each with the ways it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.assets.names import RelationName

UNCHANGED = 1
DERIVED = 2
AGGREGATED = 4
FILTER = 8
JOIN = 16
GROUP = 32
ORDER = 64
WINDOW = 128
UNKNOWN = 256
"""Ways, as bits: a column may flow in several. The first three are of values and grow; the others say where it stands."""

_VALUES = UNCHANGED | DERIVED | AGGREGATED
EVERY_COLUMN = "*"


class Table:
    """A table of the warehouse, as one query sees it; `columns` may hold `*` for those that are not known."""

    __slots__ = ("_origins", "columns", "name")

    def __init__(self, name: RelationName, columns: Sequence[str]) -> None:
        self.name = name
        self.columns = columns
        self._origins: dict[str, Origin] = {}

    def origin(self, column: str) -> Origin:
        """Return the one object that stands for a column, whatever the case it is written in."""
        folded = column.lower()
        origin = self._origins.get(folded)
        if origin is None:
            origin = self._origins[folded] = Origin(self, column)
        return origin


class Origin:
    """A column of a table; two are equal only if they are the same object."""

    __slots__ = ("column", "table")

    def __init__(self, table: Table, column: str) -> None:
        self.table = table
        self.column = column


Flows = dict[Origin, int]
"""Never changed once it is shared."""


def merge(into: Flows, flows: Flows, way: int) -> None:
    """Add what flows, having gone through something else in that way."""
    if way == UNCHANGED:
        for origin, ways in flows.items():
            into[origin] = into.get(origin, 0) | ways
        return
    through = _THROUGH[way]
    for origin, ways in flows.items():
        into[origin] = into.get(origin, 0) | through[ways]


def gone_through(flows: Flows, way: int) -> Flows:
    """Return what flows on the far side of something."""
    through = _THROUGH[way]
    return {origin: through[ways] for origin, ways in flows.items()}


def passed(ways: int, way: int) -> int:
    """Return the ways of one flow on the far side of something."""
    return _THROUGH[way][ways]


def united(several: Iterable[Flows], way: int = UNCHANGED) -> Flows:
    """Return all of them together."""
    into: Flows = {}
    for flows in several:
        merge(into, flows, way)
    return into


def combined(outer: int, inner: int) -> int:
    """Return the way of something in `inner` that stands in `outer`: where it stands counts more than what becomes of it."""
    return outer if outer > AGGREGATED else max(outer, inner)


def _through(way: int, ways: int) -> int:
    if way == UNCHANGED:
        return ways
    if way > AGGREGATED:
        return UNKNOWN if ways == UNKNOWN else way | (ways & UNKNOWN)
    if way == DERIVED:
        return (ways & ~UNCHANGED) | (DERIVED if ways & UNCHANGED else 0)
    return (ways & ~_VALUES) | (AGGREGATED if ways & _VALUES else 0)


_WAYS = (UNCHANGED, DERIVED, AGGREGATED, FILTER, JOIN, GROUP, ORDER, WINDOW, UNKNOWN)
_THROUGH = {way: [_through(way, ways) for ways in range(2 * UNKNOWN)] for way in _WAYS}
