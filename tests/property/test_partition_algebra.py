"""Partitions tile time in every zone, sets of them obey the laws of sets, what is printed reads back, and mapping goes both ways."""

from __future__ import annotations

import dataclasses
import zoneinfo
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock.assets.dimensions import StaticDimension, TimeDimension
from penstock.assets.grains import Calendar, Grain, format_key, local_start, parse_key
from penstock.assets.partition_mapping import MappingRule, Window, downstream, upstream
from penstock.assets.partitions import UNPARTITIONED, PartitionSet, PartitionSpec

SETTINGS = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
START, END = datetime(2008, 1, 1), datetime(2018, 1, 1)
SECOND = timedelta(seconds=1)
TRICKY = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Antarctica/Troll",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/St_Johns",
]


class Clock:
    """A zone as stretches of one offset each, found by looking at the clock every day: written anew, for comparison."""

    def __init__(self, tz: str) -> None:
        self.zone = zoneinfo.ZoneInfo(tz)
        self.begins, self.offsets = [datetime(2007, 1, 1)], [self._offset(datetime(2007, 1, 1))]
        day = self.begins[0]
        while day < datetime(2019, 1, 1):
            if self._offset(day + timedelta(days=1)) != self.offsets[-1]:
                low, high = day, day + timedelta(days=1)
                while high - low > SECOND:
                    middle = low + (high - low) // 2 // SECOND * SECOND
                    low, high = (middle, high) if self._offset(middle) == self.offsets[-1] else (low, middle)
                self.begins.append(high)
                self.offsets.append(self._offset(high))
            day += timedelta(days=1)
        self.reached = [self.begins[0] + self.offsets[0]]
        for place in range(1, len(self.begins)):
            self.reached.append(max(self.reached[-1], self.begins[place] + self.offsets[place - 1]))

    def _offset(self, instant: datetime) -> timedelta:
        return instant.replace(tzinfo=UTC).astimezone(self.zone).utcoffset()

    def first(self, local: datetime) -> datetime:
        """The first instant whose local time is this or a later one."""
        place = bisect_right(self.reached, local) - 1
        while True:
            instant = max(self.begins[place], local - self.offsets[place])
            if place + 1 == len(self.begins) or instant < self.begins[place + 1]:
                return instant
            place += 1

    @property
    def shape(self) -> tuple[object, ...]:
        return (*self.begins, *self.offsets)


@cache
def clocks() -> dict[str, Clock]:
    """One name of each clock that differs from all others within the years we look at."""
    shapes: dict[tuple[object, ...], tuple[str, Clock]] = {}
    for tz in sorted(zoneinfo.available_timezones()):
        clock = Clock(tz)
        shapes.setdefault(clock.shape, (tz, clock))
    return dict(shapes.values())


def checked_periods(clock: Clock, calendar: Calendar) -> list[range]:
    """All periods of ten years; of hours, those around each change of the clock and one day of every quarter."""
    first, last = calendar.at(START), calendar.at(END)
    if calendar.grain is not Grain.HOUR:
        return [range(first, last)]
    middles = [calendar.at(change) for change in clock.begins[1:] if START < change < END]
    return [range(max(first, one - 30), min(last, one + 54)) for one in middles] + [
        range(one, one + 24) for one in range(first, last - 24, 2191)
    ]


@pytest.mark.parametrize("grain", list(Grain))
def test_ten_years_in_every_zone_are_tiled_without_gap_or_overlap(grain: Grain) -> None:
    assert len(clocks()) > 150
    for tz, clock in clocks().items():
        calendar = Calendar(grain, tz)
        for periods in checked_periods(clock, calendar):
            lost = set(calendar.skipped(periods.start, periods.stop))
            start = calendar.start(periods.start)
            for one in periods:
                end = calendar.start(one + 1)
                assert start == clock.first(local_start(grain, one)), (tz, one)
                assert (start == end) is (one in lost) and start <= end, (tz, one)
                start = end


@pytest.mark.parametrize("grain", list(Grain))
def test_an_instant_lies_in_the_period_that_is_said_to_hold_it(grain: Grain) -> None:
    for tz, clock in clocks().items():
        calendar = Calendar(grain, tz)
        instants = [START, END - timedelta(microseconds=1)]
        for change in clock.begins[1:]:
            instants += [change + timedelta(minutes=one) for one in (-61, -1, 0, 29, 59, 60, 119)] + [change - timedelta(microseconds=1)]
        for instant in instants:
            one = calendar.at(instant)
            assert calendar.start(one) <= instant < calendar.end(one), (tz, instant)


KEYS = st.one_of(*(st.tuples(st.just(grain), st.integers(-2000, 20000)) for grain in Grain))


@SETTINGS
@given(KEYS)
def test_a_period_reads_back_from_its_key_and_from_no_other_grain(period: tuple[Grain, int]) -> None:
    grain, ordinal = period
    ordinal = ordinal % 8000 - 900 if grain is Grain.YEAR else ordinal
    key = format_key(grain, ordinal)
    assert parse_key(grain, key) == ordinal
    assert [one for one in Grain if parse_key(one, key) is not None] == [grain]


@SETTINGS
@given(st.sampled_from(Grain), st.text("0123456789-WQT:+ Z", max_size=14))
def test_whatever_reads_as_a_key_prints_as_that_key(grain: Grain, text: str) -> None:
    ordinal = parse_key(grain, text)
    assert ordinal is None or format_key(grain, ordinal) == text


@SETTINGS
@given(st.sampled_from([Grain.DAY, Grain.HOUR]), st.sampled_from(TRICKY), st.integers(0, 40), st.integers(-30, 30))
def test_a_shift_counts_the_periods_that_exist(grain: Grain, tz: str, offset: int, periods: int) -> None:
    calendar = Calendar(grain, tz)
    around = calendar.at(datetime(2011, 12, 30, 9) if tz == "Pacific/Apia" else datetime(2024, 3, 31, 1))
    existing = [one for one in range(around - 150, around + 150) if calendar.start(one) < calendar.end(one)]
    place = 130 + offset
    assert calendar.shift(existing[place], periods) == existing[place + periods]


VALUES = st.text('ab ,="ä\n', max_size=3)
STATIC = st.lists(VALUES, min_size=1, max_size=3, unique=True).map(tuple)
STARTS = {
    Grain.HOUR: "2011-12-29T20", Grain.DAY: "2011-12-20", Grain.WEEK: "2011-W49", Grain.MONTH: "2011-11", Grain.QUARTER: "2011-Q2", Grain.YEAR: "2010",
}  # fmt: skip
NOW = datetime(2012, 1, 2, 13, 30)


@st.composite
def time_dimensions(draw: st.DrawFn, name: str) -> TimeDimension:
    grain = draw(st.sampled_from(Grain))
    first = parse_key(grain, STARTS[grain])
    assert first is not None
    begin = first + draw(st.integers(0, 3))
    ends = st.integers(begin, begin + 30)
    end = draw(ends if grain is Grain.HOUR else st.one_of(st.none(), ends))
    return TimeDimension(
        name, grain, format_key(grain, begin), None if end is None else format_key(grain, end), draw(st.sampled_from(TRICKY))
    )


@st.composite
def specs(draw: st.DrawFn) -> PartitionSpec:
    kinds = draw(
        st.sampled_from(["", "time", "static", "time static", "static time", "time time", "static static", "time static time"])
    ).split()
    names = draw(st.permutations(["day", "region", "load"]))[: len(kinds)]
    makers = {"time": lambda name: draw(time_dimensions(name)), "static": lambda name: StaticDimension(name, draw(STATIC))}
    return PartitionSpec(tuple(makers[kind](name) for kind, name in zip(kinds, names, strict=True)))


def subset(draw: st.DrawFn, spec: PartitionSpec) -> PartitionSet:
    keys = list(spec.all(NOW).keys())
    if not keys:
        return spec.none()
    chosen = draw(
        st.one_of(
            st.sets(st.sampled_from(keys)), st.tuples(*[st.integers(0, len(keys))] * 2).map(lambda ends: set(keys[min(ends) : max(ends)]))
        )
    )
    return spec.from_keys(chosen)[0]


@st.composite
def specs_with_sets(draw: st.DrawFn, number: int) -> tuple[PartitionSet, ...]:
    spec = draw(specs())
    return tuple(subset(draw, spec) for _ in range(number))


@SETTINGS
@given(specs_with_sets(2))
def test_sets_of_partitions_obey_the_laws_of_sets_of_keys(sets: tuple[PartitionSet, ...]) -> None:
    one, two = sets
    left, right = set(one.keys()), set(two.keys())
    for made, expected in ((one.union(two), left | right), (one.intersect(two), left & right), (one.minus(two), left - right)):
        keys = list(made.keys())
        assert set(keys) == expected and len(keys) == len(made) == len(expected) and bool(made) is bool(expected)
        assert made == one.spec.from_keys(expected)[0] and hash(made) == hash(one.spec.from_keys(expected)[0])
        assert [part for part in one.spec.all(NOW) if part in made] == list(made)
        assert (made.first(), made.last()) == ((list(made)[0], list(made)[-1]) if expected else (None, None))
    assert (one == two) is (left == right)


@SETTINGS
@given(specs_with_sets(1))
def test_a_set_reads_back_from_its_keys_its_ranges_and_its_words(sets: tuple[PartitionSet]) -> None:
    (one,) = sets
    spec = one.spec
    assert spec.from_keys(one.keys()) == (one, [])
    assert spec.from_ranges(one.to_ranges()) == (one, []) and sum(row[3] for row in one.to_ranges()) == len(one)
    if one and spec.dimensions:
        assert spec.parse(str(one), NOW) == one
        assert spec.parse(" ".join(one.keys()), NOW) == one


@SETTINGS
@given(specs_with_sets(1), st.integers(1, 9))
def test_chunks_hold_each_partition_once_and_no_more_than_they_may(sets: tuple[PartitionSet], size: int) -> None:
    (one,) = sets
    for bound in (size, None):
        chunks = list(one.chunks(bound))
        assert all([(chunk.first, chunk.stop - 1)] == [(parts[0].ordinal, parts[-1].ordinal)] for chunk in chunks if (parts := list(chunk)))
        assert all(0 < len(chunk) <= (bound or len(one)) and len(chunk) == len(list(chunk)) for chunk in chunks)
        assert sorted(part.key for chunk in chunks for part in chunk) == sorted(one.keys())
        assert one.spec.from_keys(part.key for chunk in chunks for part in chunk) == (one, [])
    runs = [
        [chunk for chunk in one.chunks(size) if chunk.coordinate == run.coordinate and run.first <= chunk.first < run.stop]
        for run in one.ranges()
    ]
    assert all(len(chunk) == size for run in runs for chunk in run[:-1])


@SETTINGS
@given(specs())
def test_the_complete_partitions_are_those_that_are_over(spec: PartitionSpec) -> None:
    complete = set(spec.all(NOW, complete_only=True).keys())
    everything = list(spec.all(NOW))
    assert complete <= {part.key for part in everything}
    assert all(part.start is None or part.start <= NOW for part in everything)
    times = [one for one in spec.dimensions if isinstance(one, TimeDimension)]
    if len(times) <= 1:
        assert complete == {part.key for part in everything if part.end is None or part.end <= NOW}


@st.composite
def mappings(draw: st.DrawFn) -> tuple[PartitionSpec, PartitionSpec, MappingRule]:
    reader = draw(specs())
    similar = st.just(reader).map(lambda spec: PartitionSpec(tuple(reversed(spec.dimensions))))
    source = draw(st.one_of(specs(), similar))
    window = st.tuples(st.integers(-5, 3), st.integers(0, 6)).map(lambda ends: Window(ends[0], ends[0] + ends[1]))
    windows = draw(st.dictionaries(st.sampled_from(["day", "region", "load"]), st.one_of(st.none(), window), max_size=2))
    return reader, source, MappingRule(draw(st.integers(0, 3)), windows, draw(st.sampled_from([False] * 5 + [True])))


@SETTINGS
@given(mappings(), st.data())
def test_a_partition_is_downstream_of_just_those_it_reads(
    case: tuple[PartitionSpec, PartitionSpec, MappingRule], data: st.DataObject
) -> None:
    reader, source, rule = case
    inputs, readers = reader_keys(source, data), reader_keys(reader, data)
    touched = {key: set(downstream(reader, source, source.from_keys([key])[0], NOW, rule).keys()) for key in inputs}
    for key in readers:
        read = set(upstream(reader, source, reader.from_keys([key])[0], NOW, rule).keys())
        assert read <= set(source.all(NOW).keys())
        assert {one for one in inputs if one in read} == {one for one in inputs if key in touched[one]}


def reader_keys(spec: PartitionSpec, data: st.DataObject) -> list[str]:
    keys = list(spec.all(NOW).keys())
    return data.draw(st.lists(st.sampled_from(keys), max_size=12, unique=True)) if keys else []


@SETTINGS
@given(mappings(), st.data())
def test_a_set_maps_to_the_union_of_what_its_partitions_map_to(
    case: tuple[PartitionSpec, PartitionSpec, MappingRule], data: st.DataObject
) -> None:
    reader, source, rule = case
    for spec, other, mapped in ((reader, source, upstream), (source, reader, downstream)):
        one = subset(data.draw, spec)
        single = other.none()
        for part in one:
            single = single.union(mapped(reader, source, spec.from_keys([part.key])[0], NOW, rule))
        assert mapped(reader, source, one, NOW, rule) == single


@SETTINGS
@given(time_dimensions("day"), time_dimensions("day"))
def test_without_a_rule_a_period_reads_what_it_shares_time_with(of: TimeDimension, to: TimeDimension) -> None:
    reader, source = PartitionSpec((of,)), PartitionSpec((to,))
    for part in list(reader.all(NOW))[:8]:
        read = upstream(reader, source, reader.from_keys([part.key])[0], NOW)
        assert list(read.keys()) == [one.key for one in source.all(NOW) if one.start < part.end and part.start < one.end]


@SETTINGS
@given(time_dimensions("day"), time_dimensions("other"), st.integers(-4, 4), st.integers(0, 3))
def test_a_window_counts_from_the_first_and_the_last_period_that_overlap(
    of: TimeDimension, to: TimeDimension, first: int, more: int
) -> None:
    reader, source = PartitionSpec((of,)), PartitionSpec((dataclasses.replace(to, end=None),))
    calendar = to.calendar
    begun = list(source.all(NOW))
    for part in list(reader.all(NOW))[:5]:
        around = [one for one in range(calendar.at(part.start) - 80, calendar.at(part.end) + 80) if calendar.exists(one)]
        over = [place for place, one in enumerate(around) if calendar.start(one) < part.end and part.start < calendar.end(one)]
        expected = around[over[0] + first : over[-1] + first + more + 1]
        read = upstream(reader, source, reader.from_keys([part.key])[0], NOW, MappingRule(windows={"other": Window(first, first + more)}))
        assert list(read) == [one for one in begun if one.ordinal in expected]


@SETTINGS
@given(specs_with_sets(1))
def test_the_whole_reads_all_and_is_read_as_a_whole(sets: tuple[PartitionSet]) -> None:
    (one,) = sets
    whole = UNPARTITIONED.all(NOW)
    assert list(whole.keys()) == [""]
    assert upstream(None, one.spec, whole, NOW) == one.spec.all(NOW)
    assert upstream(one.spec, None, one, NOW) == (whole if one else UNPARTITIONED.none())
    assert downstream(None, one.spec, one, NOW) == (whole if one else UNPARTITIONED.none())
