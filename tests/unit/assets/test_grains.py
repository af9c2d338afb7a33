"""Periods of the calendar: their keys, and the instants between which they lie where the clocks are moved."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from penstock.assets.clocks import first_instant, is_zone, wall_clock
from penstock.assets.grains import Calendar, Grain, example_key, format_key, local_start, parse_key, period_of, periods_within


@pytest.mark.parametrize(
    ("grain", "key", "ordinal", "start"),
    [
        ("hour", "1970-01-01T00", 0, datetime(1970, 1, 1)),
        ("hour", "2024-03-02T05", 474821, datetime(2024, 3, 2, 5)),
        ("day", "1969-12-31", -1, datetime(1969, 12, 31)),
        ("day", "2024-02-29", 19782, datetime(2024, 2, 29)),
        ("week", "1970-W01", 0, datetime(1969, 12, 29)),
        ("week", "2020-W53", 2661, datetime(2020, 12, 28)),
        ("week", "2024-W09", 2826, datetime(2024, 2, 26)),
        ("month", "2024-03", 650, datetime(2024, 3, 1)),
        ("month", "1969-12", -1, datetime(1969, 12, 1)),
        ("quarter", "2024-Q1", 216, datetime(2024, 1, 1)),
        ("quarter", "1969-Q4", -1, datetime(1969, 10, 1)),
        ("year", "2024", 54, datetime(2024, 1, 1)),
    ],
)
def test_a_period_has_one_key_one_number_and_one_local_start(grain: str, key: str, ordinal: int, start: datetime) -> None:
    assert parse_key(Grain(grain), key) == ordinal
    assert format_key(Grain(grain), ordinal) == key
    assert local_start(Grain(grain), ordinal) == start
    assert period_of(Grain(grain), start) == ordinal == period_of(Grain(grain), start + timedelta(minutes=59, seconds=59))
    assert period_of(Grain(grain), start - timedelta(microseconds=1)) == ordinal - 1


@pytest.mark.parametrize(
    "text",
    [
        "", "2024-02-30", "2023-02-29", "2024-W54", "2023-W53", "2024-W00", "2024-W9", "2024-13", "2024-00", "2024-3", "2024-Q0", "2024-Q5", "24",
        "02024", "0999", "9999", "2024-03-02T24", "2024-03-02T5", "2024-03-02 05", "2024-03-02T05:00", "2024-03-02T05Z", "20240302", "2024-W09-1",
        "2024-W091", " 2024", "2024 ", "+2024", "2_24", "٢٠٢٤", "2024-03-٠٢", "2024-q1", "2024-w09", "-2024", "2024-03-02\n", "9999-01",
    ],
)  # fmt: skip
def test_what_is_not_exactly_a_key_is_none_of_any_grain(text: str) -> None:
    assert [parse_key(grain, text) for grain in Grain] == [None] * 6


def test_the_example_of_each_grain_is_a_key_of_it() -> None:
    assert all(parse_key(grain, example_key(grain)) is not None for grain in Grain)


@pytest.mark.parametrize(
    ("grain", "key", "first", "last"),
    [
        ("day", "2024-02", "2024-02-01", "2024-02-29"),
        ("day", "2024-Q1", "2024-01-01", "2024-03-31"),
        ("day", "2024", "2024-01-01", "2024-12-31"),
        ("day", "2024-W09", "2024-02-26", "2024-03-03"),
        ("day", "2024-02-03", "2024-02-03", "2024-02-03"),
        ("hour", "2024-02-03", "2024-02-03T00", "2024-02-03T23"),
        ("hour", "2023", "2023-01-01T00", "2023-12-31T23"),
        ("month", "2024-Q4", "2024-10", "2024-12"),
        ("quarter", "2024", "2024-Q1", "2024-Q4"),
    ],
)
def test_a_coarser_key_stands_for_the_periods_that_make_it_up(grain: str, key: str, first: str, last: str) -> None:
    found = periods_within(Grain(grain), key)
    assert found is not None
    assert [format_key(Grain(grain), one) for one in found] == [first, last]


@pytest.mark.parametrize(
    ("grain", "key"),
    [("week", "2024"), ("week", "2024-02"), ("month", "2024-W09"), ("month", "2024-02-03"), ("year", "2024-02"), ("day", "x")],
)
def test_a_key_that_whole_periods_do_not_make_up_stands_for_nothing(grain: str, key: str) -> None:
    assert periods_within(Grain(grain), key) is None


def hours(calendar: Calendar, key: str) -> float:
    ordinal = parse_key(calendar.grain, key)
    assert ordinal is not None
    return (calendar.end(ordinal) - calendar.start(ordinal)) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("tz", "day", "length"),
    [
        ("UTC", "2024-03-31", 24),
        ("Europe/Berlin", "2024-03-31", 23),
        ("Europe/Berlin", "2024-10-27", 25),
        ("Europe/Berlin", "2024-06-01", 24),
        ("Australia/Lord_Howe", "2024-10-06", 23.5),
        ("Antarctica/Troll", "2024-03-31", 22),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Pacific/Apia", "2011-12-31", 24),
        ("Pacific/Apia", "1892-07-04", 48),
        ("America/Sao_Paulo", "2018-11-04", 23),  # has no midnight
        ("America/Sao_Paulo", "2018-02-17", 25),  # has its last hour twice
        ("America/St_Johns", "2010-11-06", 24 + 1 / 60 - 1 / 60),  # midnight comes, and a minute later 23:01 again
        ("America/St_Johns", "2010-11-07", 25),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(tz: str, day: str, length: float) -> None:
    assert hours(Calendar(Grain.DAY, tz), day) == pytest.approx(length)


@pytest.mark.parametrize(
    ("tz", "hour", "length"),
    [
        ("Europe/Berlin", "2024-10-27T02", 2),
        ("Europe/Berlin", "2024-10-27T03", 1),
        ("Europe/Berlin", "2024-03-31T02", 0),
        ("Europe/Berlin", "2024-03-31T03", 1),
        ("Australia/Lord_Howe", "2024-10-06T02", 0.5),
        ("Australia/Lord_Howe", "2024-04-07T01", 1.5),
        ("Antarctica/Troll", "2024-03-31T01", 0),
        ("Antarctica/Troll", "2024-03-31T02", 0),
    ],
)
def test_an_hour_shown_twice_is_longer_and_one_left_out_is_empty(tz: str, hour: str, length: float) -> None:
    assert hours(Calendar(Grain.HOUR, tz), hour) == length


def test_a_local_time_that_is_left_out_begins_when_the_clocks_are_moved() -> None:
    change = datetime(2024, 3, 31, 1)
    assert first_instant(datetime(2024, 3, 31, 2), "Europe/Berlin") == change
    assert first_instant(datetime(2024, 3, 31, 2, 59, 59), "Europe/Berlin") == change
    assert first_instant(datetime(2024, 3, 31, 3), "Europe/Berlin") == change
    assert first_instant(datetime(2024, 10, 27, 2, 30), "Europe/Berlin") == datetime(2024, 10, 27, 0, 30)
    assert wall_clock(change, "Europe/Berlin") == datetime(2024, 3, 31, 3)


def test_instants_carry_no_zone() -> None:
    calendar = Calendar(Grain.DAY, "Europe/Berlin")
    assert calendar.start(19813) == datetime(2024, 3, 30, 23) and calendar.start(19813).tzinfo is None


def test_time_that_comes_back_belongs_to_the_period_that_had_begun() -> None:
    calendar = Calendar(Grain.DAY, "America/St_Johns")
    midnight = calendar.start(parse_key(Grain.DAY, "2010-11-07") or 0)
    again = midnight + timedelta(minutes=30)
    assert wall_clock(again, "America/St_Johns") == datetime(2010, 11, 6, 23, 30)
    assert format_key(Grain.DAY, calendar.at(again)) == "2010-11-07"
    assert format_key(Grain.DAY, calendar.at(midnight - timedelta(microseconds=1))) == "2010-11-06"


def keys(calendar: Calendar, first: str, stop: str) -> list[str]:
    low, high = parse_key(calendar.grain, first), parse_key(calendar.grain, stop)
    assert low is not None and high is not None
    return [format_key(calendar.grain, one) for one in calendar.skipped(low, high)]


def test_the_periods_that_do_not_exist_are_found_by_range() -> None:
    assert keys(Calendar(Grain.DAY, "Pacific/Apia"), "1900-01-01", "2030-01-01") == ["2011-12-30"]
    assert keys(Calendar(Grain.HOUR, "Europe/Berlin"), "2022-01-01T00", "2025-01-01T00") == [
        "2022-03-27T02",
        "2023-03-26T02",
        "2024-03-31T02",
    ]
    assert keys(Calendar(Grain.HOUR, "Europe/Berlin"), "2024-03-31T03", "2025-03-30T02") == []
    assert len(keys(Calendar(Grain.HOUR, "Pacific/Apia"), "2011-12-29T00", "2012-01-02T00")) == 24
    assert keys(Calendar(Grain.HOUR, "Asia/Khandyga"), "2004-01-01T00", "2004-01-01T02") == ["2004-01-01T00"]  # still 2003 in UTC
    assert keys(Calendar(Grain.HOUR), "2022-01-01T00", "2025-01-01T00") == []
    assert keys(Calendar(Grain.MONTH, "Pacific/Apia"), "2011-01", "2013-01") == []
    assert keys(Calendar(Grain.DAY, "Asia/Manila"), "1844-12-01", "1845-01-02") == ["1844-12-31"]


def test_finding_them_does_not_look_at_every_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = Calendar(Grain.HOUR, "Europe/Vilnius")
    looked: list[int] = []
    monkeypatch.setattr(Calendar, "start", lambda _, one, start=Calendar.start: (looked.append(one), start(calendar, one))[1])
    first, stop = parse_key(Grain.HOUR, "2005-01-01T00"), parse_key(Grain.HOUR, "2020-01-01T00")
    assert len(calendar.skipped(first or 0, stop or 0)) == 15
    assert len(looked) < 100


def test_the_ends_of_the_calendar_hold_what_lies_beyond_them() -> None:
    for grain in Grain:
        for tz in ("UTC", "Pacific/Kiritimati", "America/New_York"):
            calendar = Calendar(grain, tz)
            first, last = calendar.at(datetime.min), calendar.at(datetime.max)
            assert (calendar.shift(first, -5), calendar.shift(last, 5)) == (first, last)
            assert calendar.start(first) < calendar.end(first) <= calendar.start(last) < calendar.end(last)


@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin", "Etc/GMT+5", "EST5EDT"])
def test_the_names_of_the_database_are_zones(tz: str) -> None:
    assert is_zone(tz)


@pytest.mark.parametrize(
    "tz", ["", "Europe", "Mars/Base", "localtime", "right/UTC", "posix/UTC", "../zoneinfo/UTC", "/etc/passwd", "\0", "Factory"]
)
def test_other_names_are_not(tz: str) -> None:
    assert not is_zone(tz)


def test_nobody_reads_the_zones_who_needs_utc_alone() -> None:
    code = (
        "import sys; from penstock.assets.partition_mapping import *; from penstock.assets.grains import *; from datetime import datetime;"
        "Calendar(Grain.HOUR).at(datetime(2024, 1, 1)); Calendar(Grain.DAY).skipped(0, 99999);"
        "print({'zoneinfo', 'sqlglot', 'pydantic', 'difflib'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
