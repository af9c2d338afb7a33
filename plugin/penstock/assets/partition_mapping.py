"""Which partitions of an input a reader's partitions read, and which partitions of the reader an input's partitions touch.

Dimensions of one name belong together, and so do the two time dimensions of two assets that have one each. Periods read
those that share time with them, across grains and time zones; listed values read their equal; a dimension without a
counterpart, or with one of another kind, goes with all of the other side. Each dimension is mapped on its own, so a
set of ranges maps to ranges without a look at single partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from penstock.assets.dimensions import Dimension, TimeDimension
from penstock.assets.ordinal_ranges import Range, Ranges, intersection, merged
from penstock.assets.partition_keys import Coordinate, discrete, range_dimension, spread
from penstock.assets.partitions import UNPARTITIONED, PartitionSet, PartitionSpec


@dataclass(frozen=True, slots=True)
class Window:
    """What a period reads, in existing periods of the input: from `first` after the first one it overlaps to `last` after the last one.

    Seven days that end with one's own are -6 and 0. Raises ValueError where `first` is above `last`.
    """

    first: int = 0
    last: int = 0

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError("a window runs forward")


@dataclass(frozen=True, slots=True)
class MappingRule:
    """How one reader reads one input; without anything, each time window reads what it overlaps.

    `lookback` widens every time window by so many earlier periods of the input (dbt's key of that name widens what is
    built anew, not what is read). `windows` holds the windows of single dimensions of the input (or of the reader where
    the names differ), None for all of the dimension. `everything`: each partition reads all of the input.
    """

    lookback: int = 0
    windows: Mapping[str, Window | None] = field(default_factory=dict)
    everything: bool = False


OVERLAP = MappingRule()
"""The rule of readers that say nothing."""


def upstream(
    reader: PartitionSpec | None, source: PartitionSpec | None, partitions: PartitionSet, now: datetime, rule: MappingRule = OVERLAP
) -> PartitionSet:
    """Return what these partitions of the reader read, of the input's partitions that have begun by `now` (UTC).

    No definition on a side stands for its whole, as `UNPARTITIONED` does. Raises ValueError for partitions of another definition.
    """
    reader, source = reader or UNPARTITIONED, source or UNPARTITIONED
    links = {to.name: Link(of, to, window, back=False) for of, to, window in _pairs(reader, source, rule)}
    return _mapped(partitions, reader, source, links, now)


def downstream(
    reader: PartitionSpec | None, source: PartitionSpec | None, changed: PartitionSet, now: datetime, rule: MappingRule = OVERLAP
) -> PartitionSet:
    """Return the partitions of the reader, of those that have begun by `now` (UTC), that read one of these partitions of the input.

    The converse of `upstream`: q is in downstream({p}) just when p is in upstream({q}).
    """
    reader, source = reader or UNPARTITIONED, source or UNPARTITIONED
    links = {of.name: Link(to, of, window, back=True) for of, to, window in _pairs(reader, source, rule)}
    return _mapped(changed, source, reader, links, now)


@dataclass(frozen=True, slots=True)
class Link:
    """Two dimensions that belong together, seen from the one partitions are given of (`given`); `back`: that is the input's."""

    given: Dimension
    wanted: Dimension
    window: Window
    back: bool

    def image(self, ranges: Ranges) -> Iterable[Range]:
        """Return the places of the wanted dimension that places of the given one map to."""
        if isinstance(self.given, TimeDimension) and isinstance(self.wanted, TimeDimension):
            return [self._periods(self.given, self.wanted, *one) for one in ranges]
        places = (self.wanted.ordinal(key) for key in self.given.keys(ranges))
        return [(place, place + 1) for place in places if place is not None]

    def _periods(self, given: TimeDimension, wanted: TimeDimension, first: int, stop: int) -> Range:
        """Map a range whose ends exist: as windows only move forward with time, those of its ends bound all the others."""
        one, other = given.calendar, wanted.calendar
        last = stop - 1
        if self.back:
            first, last = one.shift(first, -self.window.last), one.shift(last, -self.window.first)
        low, high = other.overlapping(one.start(first), one.end(last))
        if not self.back:
            low, high = other.shift(low, self.window.first), other.shift(high, self.window.last)
        return low, high + 1


def _pairs(reader: PartitionSpec, source: PartitionSpec, rule: MappingRule) -> list[tuple[Dimension, Dimension, Window]]:
    """Return which dimension of the reader belongs to which of the input, and the window between them."""
    if rule.everything:
        return []
    named = {one.name: one for one in reader.dimensions}
    pairs = [(named[one.name], one) for one in source.dimensions if one.name in named]
    times = [[one for one in spec.dimensions if isinstance(one, TimeDimension)] for spec in (reader, source)]
    if len(times[0]) == len(times[1]) == 1 and times[0][0].name != times[1][0].name:
        pairs.append((times[0][0], times[1][0]))
    found: list[tuple[Dimension, Dimension, Window]] = []
    for of, to in pairs:
        default = Window(-rule.lookback, 0)
        window = rule.windows[to.name] if to.name in rule.windows else rule.windows.get(of.name, default)
        if window is not None and isinstance(of, TimeDimension) is isinstance(to, TimeDimension):
            found.append((of, to, window))
    return found


def _mapped(given: PartitionSet, of: PartitionSpec, to: PartitionSpec, links: Mapping[str, Link], now: datetime) -> PartitionSet:
    if given.spec != of:
        raise ValueError("these partitions are of another definition")
    begun: dict[str, Ranges] = {one.name: (one.begun(now),) for one in to.dimensions}
    found: dict[Coordinate, list[Range]] = {}
    for coordinate, ranges in given.runs.items():
        places = _places(of, coordinate, ranges)
        chosen = dict(begun)
        for name, link in links.items():
            chosen[name] = intersection(merged(link.image(places[link.given.name])), begun[name])
        for key, runs in spread(to.dimensions, chosen):
            found.setdefault(key, []).extend(runs)
    return PartitionSet.of(to, found)


def _places(spec: PartitionSpec, coordinate: Coordinate, ranges: Ranges) -> dict[str, Ranges]:
    """Return what a coordinate and its ranges hold of each dimension."""
    places: dict[str, Ranges] = {}
    for one, key in zip(discrete(spec.dimensions), coordinate, strict=True):
        place = one.ordinal(key)
        places[one.name] = () if place is None else ((place, place + 1),)
    ranged = range_dimension(spec.dimensions)
    return places if ranged is None else places | {ranged.name: ranges}
