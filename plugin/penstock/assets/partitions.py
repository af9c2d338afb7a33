"""Partitions of an asset: their definition, single ones, ranges of them, and sets with union, minus and intersection.

A set keeps ranges of periods for each coordinate, so its cost is that of its holes: 100,000 hours are one range.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from penstock.assets import partition_keys
from penstock.assets.dimensions import QueryDimension, StaticDimension, TimeDimension
from penstock.assets.ordinal_ranges import Range, Ranges, bridged, count, difference, holds, intersection, merged
from penstock.assets.partition_keys import Coordinate, Dimensions
from penstock.assets.partition_range import Partition, PartitionRange

RangeRow = tuple[str, str, str, int]
"""The coordinate as text, the keys of the first and the last period (empty without a time dimension), how many partitions."""


@dataclass(frozen=True, slots=True)
class PartitionSpec:
    """How an asset is partitioned: the ordered product of its dimensions; without any, the whole is the one partition, its key empty."""

    dimensions: Dimensions = ()

    @property
    def time(self) -> TimeDimension | None:
        """The range dimension: the first one of time."""
        return partition_keys.range_dimension(self.dimensions)

    @property
    def discrete(self) -> Dimensions:
        """The dimensions that make up a coordinate: all but the range dimension."""
        return partition_keys.discrete(self.dimensions)

    def key(self, partition: Partition) -> str:
        """Return the key of a partition: `2024-03-02` with one dimension, `day=2024-03-02,region=emea` with several."""
        return partition.key

    def describe(self, partitions: PartitionSet) -> str:
        """Return words of ranges, for people; `parse` reads them back. Empty for the empty set and for the whole."""
        return partition_keys.describe(self.dimensions, partitions.runs)

    def none(self) -> PartitionSet:
        """Return the empty set."""
        return PartitionSet(self, {})

    def all(self, now: datetime, *, complete_only: bool = False) -> PartitionSet:
        """Return the partitions whose periods have begun by `now` (UTC), the running one too as in dbt's microbatch, or are over by then.

        Raises ConfigError while the values of a query are not known.
        """
        begun = {one.name: [one.begun(now, complete_only=complete_only)] for one in self.dimensions}
        return PartitionSet.of(self, dict(partition_keys.spread(self.dimensions, begun)))

    def parse(self, text: str, now: datetime) -> PartitionSet:
        """Read `day=2024-01-01..2024-01-31,region=emea`; see `partition_keys.choose` for what may be left out, and what is raised."""
        return PartitionSet.of(self, partition_keys.choose(self.dimensions, text, now))

    def from_keys(self, keys: Iterable[str]) -> tuple[PartitionSet, list[str]]:
        """Return the set of partition keys, and the keys that name no partition: those of an older definition."""
        runs, unknown = partition_keys.read_keys(self.dimensions, keys)
        return PartitionSet.of(self, runs), unknown

    def from_ranges(self, rows: Iterable[RangeRow]) -> tuple[PartitionSet, list[RangeRow]]:
        """Return the set of stored ranges, and the rows that are not wholly of this definition; what is of it in those counts."""
        runs: dict[Coordinate, list[Range]] = {}
        unknown: list[RangeRow] = []
        for row in rows:
            coordinate = partition_keys.read_coordinate(self.dimensions, row[0])
            stored, known = self._periods(row[1], row[2])
            if coordinate is not None and known is not None:
                runs.setdefault(coordinate, []).append(known)
            if coordinate is None or known is None or stored != known:
                unknown.append(row)
        return PartitionSet.of(self, runs), unknown

    def with_values(self, values: Mapping[str, Iterable[str]]) -> PartitionSpec:
        """Return the definition with what its queries listed, by dimension; the others stay as they are."""
        known = (
            StaticDimension(one.name, tuple(values[one.name]), one.column)
            if isinstance(one, QueryDimension) and one.name in values
            else one
            for one in self.dimensions
        )
        return replace(self, dimensions=tuple(known))

    def without_values(self) -> PartitionSpec:
        """Return the definition as if its queries listed nothing, so that there are no partitions yet."""
        return self.with_values({one.name: () for one in self.dimensions if isinstance(one, QueryDimension)})

    def _periods(self, first: str, last: str) -> tuple[Range | None, Range | None]:
        """Return a stored range, and what of it this definition knows."""
        if self.time is None:
            return (partition_keys.TIMELESS,) * 2 if first == last == "" else (None, None)
        stored = self.time.between(first, last)
        known = intersection((stored,), (self.time.span(),)) if stored else ()
        return stored, known[0] if known else None


UNPARTITIONED = PartitionSpec()
"""The definition of an asset without partitions: its one partition is the whole."""


@dataclass(frozen=True, slots=True)
class PartitionSet:
    """Partitions of one definition: sorted, disjoint ranges of periods for each coordinate; made by `of`, which gives equal sets one form.

    Iteration goes by time first, then by the order of the other dimensions. Operations on sets of two definitions raise ValueError.
    """

    spec: PartitionSpec
    runs: Mapping[Coordinate, Ranges]

    @classmethod
    def of(cls, spec: PartitionSpec, runs: Mapping[Coordinate, Iterable[Range]]) -> PartitionSet:
        """Return the set of any ranges; periods that do not exist break no range and begin or end none."""
        found: dict[Coordinate, Ranges] = {}
        for coordinate, raw in runs.items():
            ranges = merged(raw)
            ranges = bridged(ranges, partition_keys.skipped(spec.dimensions, ranges))
            if ranges:
                found[coordinate] = ranges
        return cls(spec, found)

    def __hash__(self) -> int:
        return hash((self.spec, frozenset(self.runs.items())))

    def __len__(self) -> int:
        """Return how many partitions there are; periods that do not exist are none."""
        return sum(count(ranges, partition_keys.skipped(self.spec.dimensions, ranges)) for ranges in self.runs.values())

    def __bool__(self) -> bool:
        return bool(self.runs)

    def __contains__(self, partition: Partition) -> bool:
        if partition.dimensions != self.spec.dimensions or not holds(self.runs.get(partition.coordinate, ()), partition.ordinal):
            return False
        return self.spec.time is None or self.spec.time.calendar.exists(partition.ordinal)

    def __iter__(self) -> Iterator[Partition]:
        streams = [self._periods(place, coordinate) for place, coordinate in enumerate(self._coordinates())]
        coordinates = self._coordinates()
        for ordinal, place in heapq.merge(*streams):
            yield Partition(self.spec.dimensions, coordinates[place], ordinal)

    def __str__(self) -> str:
        return self.spec.describe(self)

    def keys(self) -> Iterator[str]:
        """Yield the key of each partition, in order."""
        return (partition.key for partition in self)

    def union(self, other: PartitionSet) -> PartitionSet:
        """Return what is in either."""
        return self._with(other, lambda one, two: (*one, *two))

    def intersect(self, other: PartitionSet) -> PartitionSet:
        """Return what is in both."""
        return self._with(other, intersection)

    def minus(self, other: PartitionSet) -> PartitionSet:
        """Return what is in this one alone."""
        return self._with(other, difference)

    def first(self) -> Partition | None:
        """Return the earliest partition, the first one of several at that time; None of the empty set."""
        return next(iter(self), None)

    def last(self) -> Partition | None:
        """Return the latest partition, the last one of several at that time; None of the empty set."""
        ends = [(self.runs[coordinate][-1][1] - 1, place) for place, coordinate in enumerate(self._coordinates())]
        if not ends:
            return None
        ordinal, place = max(ends)
        return Partition(self.spec.dimensions, self._coordinates()[place], ordinal)

    def ranges(self) -> list[PartitionRange]:
        """Return the contiguous runs of every coordinate, coordinate by coordinate; a period that does not exist breaks none."""
        dimensions = self.spec.dimensions
        return [PartitionRange(dimensions, one, *run) for one in self._coordinates() for run in self.runs[one]]

    def chunks(self, size: int | None) -> Iterator[PartitionRange]:
        """Yield contiguous ranges of at most `size` partitions, None for no bound. Raises ValueError for a size below one."""
        if size is not None and size < 1:
            raise ValueError("a chunk holds at least one partition")
        return (chunk for run in self.ranges() for chunk in ([run] if size is None else run.split(size)))

    def to_ranges(self) -> list[RangeRow]:
        """Return the set as rows to be stored, one for each range; `PartitionSpec.from_ranges` reads them back."""
        dimensions = self.spec.dimensions
        return [
            (partition_keys.write_coordinate(dimensions, one.coordinate), one.first_key, one.last_key, len(one)) for one in self.ranges()
        ]

    def _with(self, other: PartitionSet, combine: Callable[[Ranges, Ranges], Iterable[Range]]) -> PartitionSet:
        if self.spec != other.spec:
            raise ValueError("these sets are of two definitions of partitions")
        names = {**self.runs, **other.runs}
        return PartitionSet.of(self.spec, {name: combine(self.runs.get(name, ()), other.runs.get(name, ())) for name in names})

    def _coordinates(self) -> list[Coordinate]:
        """Return the coordinates in the order of their dimensions' values."""
        dims = self.spec.discrete
        return sorted(self.runs, key=lambda keys: [one.ordinal(key) or 0 for one, key in zip(dims, keys, strict=True)])

    def _periods(self, place: int, coordinate: Coordinate) -> Iterator[tuple[int, int]]:
        ranges = self.runs[coordinate]
        skipped = frozenset(partition_keys.skipped(self.spec.dimensions, ranges))
        return ((one, place) for first, stop in ranges for one in range(first, stop) if one not in skipped)
