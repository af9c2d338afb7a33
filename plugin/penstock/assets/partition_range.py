"""One partition, and partitions of one coordinate that follow on one another: what a query that builds them is given."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from penstock.assets.dimensions import Dimension, TimeDimension
from penstock.assets.grains import local_start
from penstock.assets.partition_keys import Coordinate, Dimensions, range_dimension, skipped, write_key
from penstock.assets.partition_text import range_text


@dataclass(frozen=True, slots=True)
class PartitionRange:
    """The partitions of periods [first, stop) of one coordinate; periods that do not exist may lie between them, never at an end."""

    dimensions: Dimensions
    coordinate: Coordinate
    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first - len(self._skipped())

    def __iter__(self) -> Iterator[Partition]:
        lost = self._skipped()
        return (Partition(self.dimensions, self.coordinate, one) for one in range(self.first, self.stop) if one not in lost)

    def __str__(self) -> str:
        """The range as it is written: `day=2024-01-01..2024-01-31,region=emea`."""
        return write_key(self.dimensions, self.coordinate, range_text(self.first_key, self.last_key))

    @property
    def time(self) -> TimeDimension | None:
        """The range dimension."""
        return range_dimension(self.dimensions)

    @property
    def first_key(self) -> str:
        """The key of the first period, empty without a time dimension."""
        return self.time.key(self.first) if self.time else ""

    @property
    def last_key(self) -> str:
        """The key of the last period, empty without a time dimension."""
        return self.time.key(self.stop - 1) if self.time else ""

    @property
    def start(self) -> datetime | None:
        """The instant (UTC) at which the first period begins, None without a time dimension."""
        return self.time.calendar.start(self.first) if self.time else None

    @property
    def end(self) -> datetime | None:
        """The instant (UTC) at which the last period is over, None without a time dimension."""
        return self.time.calendar.start(self.stop) if self.time else None

    @property
    def local_start(self) -> datetime | None:
        """The local time at which the first period begins: what columns of local dates and times are compared with."""
        return local_start(self.time.grain, self.first) if self.time else None

    @property
    def local_end(self) -> datetime | None:
        """The local time at which the last period is over."""
        return local_start(self.time.grain, self.stop) if self.time else None

    @property
    def values(self) -> dict[str, date | str]:
        """The value of every dimension but the range dimension, by name."""
        dims = (one for one in self.dimensions if one is not self.time)
        return {one.name: _value(one, key) for one, key in zip(dims, self.coordinate, strict=True)}

    def split(self, size: int) -> Iterator[PartitionRange]:
        """Yield ranges of `size` partitions, one after another; the last one may hold fewer."""
        held = len(self)
        lost_before = [lost - self.first - place for place, lost in enumerate(self._skipped())]
        for place in range(0, held, size):
            last = min(place + size, held) - 1
            first, last = (self.first + one + bisect_right(lost_before, one) for one in (place, last))
            yield PartitionRange(self.dimensions, self.coordinate, first, last + 1)

    def _skipped(self) -> tuple[int, ...]:
        return skipped(self.dimensions, ((self.first, self.stop),))


@dataclass(frozen=True, slots=True)
class Partition:
    """The partition of one period (of the range dimension; 0 without one) and one coordinate."""

    dimensions: Dimensions
    coordinate: Coordinate
    ordinal: int

    def __str__(self) -> str:
        return self.key

    @property
    def alone(self) -> PartitionRange:
        """The range that holds nothing but this."""
        return PartitionRange(self.dimensions, self.coordinate, self.ordinal, self.ordinal + 1)

    @property
    def key(self) -> str:
        """The key of the partition: `2024-03-02` with one dimension, `day=2024-03-02,region=emea` with several."""
        return str(self.alone)

    @property
    def start(self) -> datetime | None:
        """The instant (UTC) at which its period begins, None without a time dimension."""
        return self.alone.start

    @property
    def end(self) -> datetime | None:
        """The instant (UTC) at which its period is over, None without a time dimension."""
        return self.alone.end

    @property
    def local_start(self) -> datetime | None:
        """The local time at which its period begins."""
        return self.alone.local_start

    @property
    def local_end(self) -> datetime | None:
        """The local time at which its period is over."""
        return self.alone.local_end

    @property
    def values(self) -> dict[str, date | str]:
        """The value of each dimension, in order: a date for a day and longer, a datetime for an hour, a str for a listed value."""
        ranged = range_dimension(self.dimensions)
        rest = self.alone.values
        return {one.name: ranged.value(self.ordinal) if one is ranged else rest[one.name] for one in self.dimensions}


def _value(one: Dimension, key: str) -> date | str:
    """Return what a placeholder of this dimension is bound to."""
    place = one.ordinal(key) if isinstance(one, TimeDimension) else None
    return key if place is None or not isinstance(one, TimeDimension) else one.value(place)
