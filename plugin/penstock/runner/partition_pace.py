"""Ranges of partitions that share a transaction: where writing one takes milliseconds, committing it would take as long again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.assets.partition_range import PartitionRange

MOST = 16
"""So many partitions are in one transaction at the most; as many are claimed at once."""

LONGEST = 0.2
"""A transaction that several ranges share is to take no longer, in seconds: what it writes is lost with the process."""


@dataclass(slots=True)
class Pace:
    """How long the last partition took, in seconds; nothing is known of the first, which is written by itself."""

    seconds: float | None = field(default=None)

    def together(self, parts: Sequence[PartitionRange], place: int) -> int:
        """Return how many of the ranges from a place on are to be written in one transaction: contiguous ones, at least one."""
        most = 1 if self.seconds is None else MOST if self.seconds <= LONGEST / MOST else int(LONGEST / self.seconds)
        held, stop = len(parts[place]), place + 1
        while stop < len(parts) and _follow(parts[stop - 1], parts[stop]) and held + len(parts[stop]) <= most:
            held += len(parts[stop])
            stop += 1
        return stop - place

    def took(self, seconds: float, partitions: int) -> None:
        """Take in what a transaction of so many partitions took."""
        self.seconds = seconds / partitions


def joined(parts: Sequence[PartitionRange]) -> PartitionRange:
    """Return the range of all partitions of contiguous ranges, whichever end comes first."""
    return PartitionRange(parts[0].dimensions, parts[0].coordinate, min(one.first for one in parts), max(one.stop for one in parts))


def _follow(one: PartitionRange, other: PartitionRange) -> bool:
    return one.time is not None and one.coordinate == other.coordinate and (one.stop == other.first or other.stop == one.first)
