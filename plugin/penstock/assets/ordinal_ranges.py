"""Sets of integers as sorted, disjoint, half-open ranges that do not touch: their size is that of the holes, not of the set."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

Range = tuple[int, int]
Ranges = tuple[Range, ...]


def merged(ranges: Iterable[Range]) -> Ranges:
    """Return any ranges as sorted ones that neither overlap nor touch; empty ones vanish."""
    found: list[Range] = []
    for first, stop in sorted(ranges):
        if first >= stop:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((first, stop))
    return tuple(found)


def runs_of(ordinals: Iterable[int]) -> Ranges:
    """Return integers in any order, repeated or not, as ranges."""
    ordered = sorted(set(ordinals))
    breaks = [place for place in range(1, len(ordered)) if ordered[place] != ordered[place - 1] + 1]
    ends = zip([0, *breaks], [*breaks, len(ordered)], strict=True)
    return tuple((ordered[first], ordered[stop - 1] + 1) for first, stop in ends) if ordered else ()


def intersection(one: Ranges, other: Ranges) -> Ranges:
    """Return what lies in both."""
    found: list[Range] = []
    here = there = 0
    while here < len(one) and there < len(other):
        first, stop = max(one[here][0], other[there][0]), min(one[here][1], other[there][1])
        if first < stop:
            found.append((first, stop))
        if one[here][1] < other[there][1]:
            here += 1
        else:
            there += 1
    return tuple(found)


def difference(one: Ranges, other: Ranges) -> Ranges:
    """Return what lies in `one` alone."""
    if not one:
        return ()
    low, high = one[0][0], one[-1][1]
    holes: list[Range] = []
    for first, stop in other:
        holes.append((low, first))
        low = stop
    return intersection(one, tuple(hole for hole in (*holes, (low, high)) if hole[0] < hole[1]))


def holds(ranges: Ranges, ordinal: int) -> bool:
    """Whether an integer lies in one of the ranges."""
    place = bisect_right(ranges, ordinal, key=lambda one: one[0])
    return place > 0 and ordinal < ranges[place - 1][1]


def bridged(ranges: Ranges, missing: Sequence[int]) -> Ranges:
    """Return the one form of all ranges that differ only by integers that do not exist (`missing`, sorted).

    They are filled in between two that exist, and cut off at the ends: [2, 4) and [5, 7) without 4 are [2, 7).
    """
    if not missing:
        return ranges
    return tuple(cut for one in merged([*ranges, *((lost, lost + 1) for lost in missing)]) if (cut := _cut(one, missing)) is not None)


def count(ranges: Ranges, missing: Sequence[int]) -> int:
    """Return how many integers that exist lie in the ranges."""
    total = sum(stop - first for first, stop in ranges)
    return total - sum(holds(ranges, lost) for lost in missing)


def _cut(one: Range, missing: Sequence[int]) -> Range | None:
    first, stop = one
    place = bisect_left(missing, first)
    while place < len(missing) and missing[place] == first < stop:
        first, place = first + 1, place + 1
    place = bisect_left(missing, stop) - 1
    while place >= 0 and missing[place] == stop - 1 >= first:
        stop, place = stop - 1, place - 1
    return (first, stop) if first < stop else None
