"""Partitions as keys and back: one key each, rows of ranges for storage, words of ranges for people.

A partition is a coordinate (the keys of all dimensions but the range dimension, in order) and a period of the range
dimension, which is the first one of time. Where there is none, 0 is the one period.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import product

from penstock.assets.dimensions import Dimension, StaticDimension, TimeDimension
from penstock.assets.ordinal_ranges import Range, Ranges, merged, runs_of
from penstock.assets.partition_text import Item, did_you_mean, parse_words, quoted, range_text
from penstock.errors import PenstockError, SelectionError, raise_all

Dimensions = tuple[Dimension, ...]
Coordinate = tuple[str, ...]

TIMELESS: Range = (0, 1)
"""The one period of partitions without a time dimension."""

_PIECE = re.compile(r'(?:[^,"]|"(?:[^"]|"")*")+')


def range_dimension(dimensions: Dimensions) -> TimeDimension | None:
    """Return the dimension whose periods make up ranges, the first one of time; None where there is none."""
    return next((one for one in dimensions if isinstance(one, TimeDimension)), None)


def discrete(dimensions: Dimensions) -> Dimensions:
    """Return the dimensions that make up a coordinate: all but the range dimension."""
    ranged = range_dimension(dimensions)
    return tuple(one for one in dimensions if one is not ranged)


def spread(dimensions: Dimensions, choices: Mapping[str, Iterable[Range]]) -> Iterator[tuple[Coordinate, Ranges]]:
    """Yield each coordinate of the product of what is chosen of each dimension, with the periods of the range dimension."""
    ranged = range_dimension(dimensions)
    ranges = (TIMELESS,) if ranged is None else merged(choices[ranged.name])
    for coordinate in product(*(one.keys(merged(choices[one.name])) for one in discrete(dimensions))):
        yield coordinate, ranges


def skipped(dimensions: Dimensions, ranges: Ranges) -> tuple[int, ...]:
    """Return the periods between the first and the last of sorted ranges that do not exist, in order."""
    ranged = range_dimension(dimensions)
    return ranged.calendar.skipped(ranges[0][0], ranges[-1][1]) if ranged is not None and ranges else ()


def write_key(dimensions: Dimensions, coordinate: Coordinate, period: str) -> str:
    """Return the key of a partition, or of a range where `period` is one: the bare value of one dimension, `name=value` of several."""
    values = iter(coordinate)
    ranged = range_dimension(dimensions)
    texts = [period if one is ranged else quoted(next(values)) for one in dimensions]
    if len(texts) == 1:
        return texts[0]
    return ",".join(f"{one.name}={text}" for one, text in zip(dimensions, texts, strict=True))


def write_coordinate(dimensions: Dimensions, coordinate: Coordinate) -> str:
    """Return the key without its period, empty where there is nothing else."""
    if len(dimensions) == 1 and coordinate:
        return quoted(coordinate[0])
    return ",".join(f"{one.name}={quoted(value)}" for one, value in zip(discrete(dimensions), coordinate, strict=True))


def read_coordinate(dimensions: Dimensions, text: str) -> Coordinate | None:
    """Return the coordinate that is written exactly so, None where there is none."""
    dims = discrete(dimensions)
    if not dims or not text:
        return None if dims or text else ()
    try:
        words = parse_words(text)
    except SelectionError:
        return None
    coordinate = tuple(item.value for item in words[0])
    if len(coordinate) != len(dims) or write_coordinate(dimensions, coordinate) != text:
        return None
    known = all(one.ordinal(value) is not None for one, value in zip(dims, coordinate, strict=True))
    return coordinate if known else None


def read_keys(dimensions: Dimensions, keys: Iterable[str]) -> tuple[dict[Coordinate, Ranges], list[str]]:
    """Return the partitions of keys as ranges, and the keys that name none; costs about a microsecond a key."""
    groups: dict[str, dict[str, str]] = {}
    split = _splitter(dimensions)
    for key in keys:
        rest, period = split(key)
        groups.setdefault(rest, {})[period] = key
    ranged = range_dimension(dimensions)
    runs: dict[Coordinate, Ranges] = {}
    unknown: list[str] = []
    for rest, periods in groups.items():
        coordinate = read_coordinate(dimensions, rest)
        if coordinate is None:
            unknown.extend(periods.values())
            continue
        found = {"": 0} if ranged is None else ranged.ordinals(periods)
        runs[coordinate] = runs_of(found[period] for period in periods if period in found)
        unknown.extend(key for period, key in periods.items() if period not in found)
    return runs, unknown


def choose(dimensions: Dimensions, text: str, now: datetime) -> dict[Coordinate, list[Range]]:
    """Read words such as `day=2024-01-01..2024-01-31,region=emea`: the union of all words.

    Within a word a dimension that stands twice means both, one that is missing means all of it (by `now`, UTC). A bare
    value is one of the only dimension, or else of the range dimension.
    Raises SelectionError, or Problems holding one for each item that is wrong.
    """
    problems: list[PenstockError] = []
    chosen: dict[Coordinate, list[Range]] = {}
    for word in parse_words(text):
        picked: dict[str, list[Range]] = {}
        for item in word:
            try:
                one = _dimension(dimensions, item)
                picked.setdefault(one.name, []).append(one.select(item.value, now))
            except SelectionError as error:
                problems.append(error)
        if not problems:
            everything = {one.name: [one.begun(now)] for one in dimensions if one.name not in picked}
            for coordinate, ranges in spread(dimensions, {**everything, **picked}):
                chosen.setdefault(coordinate, []).extend(ranges)
    raise_all(problems)
    return chosen


def describe(dimensions: Dimensions, runs: Mapping[Coordinate, Ranges]) -> str:
    """Return words that `choose` reads back, one for each range; a list of values is left out where all of them are meant."""
    holders: dict[Range, list[Coordinate]] = {}
    for coordinate, ranges in runs.items():
        for period in ranges:
            holders.setdefault(period, []).append(coordinate)
    words = (_word(dimensions, block, period) for period in sorted(holders) for block in _blocks(discrete(dimensions), holders[period]))
    return " ".join(words)


def _blocks(dims: Dimensions, coordinates: Iterable[Coordinate]) -> list[tuple[Ranges, ...]]:
    """Return coordinates as few disjoint products, each the chosen places of every dimension."""
    blocks: list[tuple[Ranges, ...]] = [tuple(_place(one, key) for one, key in zip(dims, keys, strict=True)) for keys in coordinates]
    for number in range(len(dims)):
        joined: dict[tuple[Ranges, ...], list[Range]] = {}
        for block in blocks:
            joined.setdefault(block[:number] + block[number + 1 :], []).extend(block[number])
        blocks = [(*rest[:number], merged(places), *rest[number:]) for rest, places in joined.items()]
    return sorted(blocks)


def _place(one: Dimension, key: str) -> Ranges:
    place = one.ordinal(key)
    return () if place is None else ((place, place + 1),)


def _word(dimensions: Dimensions, block: tuple[Ranges, ...], period: Range) -> str:
    places = iter(block)
    ranged = range_dimension(dimensions)
    items: list[str] = []
    for one in dimensions:
        chosen = (period,) if one is ranged else next(places)
        if isinstance(one, TimeDimension):
            texts = [range_text(one.key(first), one.key(stop - 1)) for first, stop in chosen]
        elif ranged is not None and isinstance(one, StaticDimension) and chosen == ((0, len(one.values)),):
            continue
        else:
            texts = [quoted(key) for key in one.keys(chosen)]
        items.extend(texts if len(dimensions) == 1 else (f"{one.name}={text}" for text in texts))
    return ",".join(items)


def _dimension(dimensions: Dimensions, item: Item) -> Dimension:
    """Return the dimension an item speaks of. Raises SelectionError where there is none of that name, or no name and several."""
    if not dimensions:
        raise SelectionError(
            f"`{item}` names a partition, but there are none", hint="Leave the partitions out: the asset is built as a whole."
        )
    if not item.name:
        found = dimensions[0] if len(dimensions) == 1 else range_dimension(dimensions)
        if found is None:
            raise SelectionError(f"`{item}` does not say of which dimension", hint=f"Write `{dimensions[0].name}={item}`.")
        return found
    for one in dimensions:
        if one.name == item.name:
            return one
    raise SelectionError(f"there is no dimension `{item.name}`", hint=did_you_mean(item.name, [one.name for one in dimensions]))


def _splitter(dimensions: Dimensions) -> Callable[[str], tuple[str, str]]:
    """Return what splits a key into coordinate and period; a key of another form comes back whole, as a coordinate that is none."""
    ranged = range_dimension(dimensions)
    if ranged is None:
        return lambda key: (key, "")
    if len(dimensions) == 1:
        return lambda key: ("", key)
    place, start, size = dimensions.index(ranged), f"{ranged.name}=", len(dimensions)

    def split(key: str) -> tuple[str, str]:
        pieces = _PIECE.findall(key) if '"' in key else key.split(",")
        if len(pieces) != size or not pieces[place].startswith(start) or ('"' in key and ",".join(pieces) != key):
            return key, ""
        period = pieces.pop(place)[len(start) :]
        return ",".join(pieces), period

    return split
