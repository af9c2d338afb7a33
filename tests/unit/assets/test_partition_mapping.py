"""What partitions read of their input, and what touches them."""

from __future__ import annotations

from datetime import datetime

import pytest
from penstock.assets.dimensions import Dimension, StaticDimension, TimeDimension
from penstock.assets.partition_mapping import OVERLAP, MappingRule, Window, downstream, upstream
from penstock.assets.partitions import UNPARTITIONED, PartitionSpec

NOW = datetime(2024, 6, 15, 12)


def spec(*dimensions: Dimension) -> PartitionSpec:
    return PartitionSpec(dimensions)


def time(grain: str, start: str, tz: str = "UTC", name: str = "day", end: str | None = None) -> TimeDimension:
    return TimeDimension(name, grain, start, end, tz)


DAYS = spec(time("day", "2024-01-01"))
MONTHS = spec(time("month", "2024-01"))
HOURS = spec(time("hour", "2024-01-01T00"))
REGION = StaticDimension("region", ("emea", "amer"))


def read(reader: PartitionSpec, source: PartitionSpec, text: str, rule: MappingRule = OVERLAP) -> str:
    return str(upstream(reader, source, reader.parse(text, NOW), NOW, rule))


def touched(reader: PartitionSpec, source: PartitionSpec, text: str, rule: MappingRule = OVERLAP) -> str:
    return str(downstream(reader, source, source.parse(text, NOW), NOW, rule))


def test_a_month_reads_its_days_and_a_day_touches_its_month() -> None:
    assert read(MONTHS, DAYS, "2024-02") == "2024-02-01..2024-02-29"
    assert read(MONTHS, DAYS, "2024-02 2024-05") == "2024-02-01..2024-02-29 2024-05-01..2024-05-31"
    assert touched(MONTHS, DAYS, "2024-02-29..2024-03-01") == "2024-02..2024-03"
    assert read(DAYS, MONTHS, "2024-02-29") == "2024-02"
    assert touched(DAYS, MONTHS, "2024-02") == "2024-02-01..2024-02-29"
    assert read(spec(time("week", "2024-W01")), MONTHS, "2024-W05") == "2024-01..2024-02"


def test_only_what_has_begun_is_read_or_touched() -> None:
    assert read(MONTHS, DAYS, "2024-06") == "2024-06-01..2024-06-15"
    assert touched(DAYS, MONTHS, "2024-06") == "2024-06-01..2024-06-15"
    assert read(spec(time("day", "2023-12-01")), DAYS, "2023-12-31..2024-01-01") == "2024-01-01"
    assert (
        read(spec(time("day", "2024-01-01")), spec(time("day", "2024-01-01", end="2024-01-05")), "2024-01-04..2024-01-09")
        == "2024-01-04..2024-01-05"
    )


def test_days_of_a_zone_read_what_they_overlap_in_another() -> None:
    berlin, tokyo = spec(time("day", "2024-01-01", "Europe/Berlin")), spec(time("day", "2024-01-01", "Asia/Tokyo"))
    assert read(berlin, tokyo, "2024-02-02") == "2024-02-02..2024-02-03"
    assert touched(berlin, tokyo, "2024-02-02") == "2024-02-01..2024-02-02"
    assert read(berlin, spec(time("hour", "2024-01-01T00")), "2024-03-31") == "2024-03-30T23..2024-03-31T21"


def test_lookback_widens_by_periods_of_the_input() -> None:
    assert read(DAYS, DAYS, "2024-02-10", MappingRule(lookback=2)) == "2024-02-08..2024-02-10"
    assert touched(DAYS, DAYS, "2024-02-10", MappingRule(lookback=2)) == "2024-02-10..2024-02-12"
    assert read(MONTHS, DAYS, "2024-02", MappingRule(lookback=1)) == "2024-01-31..2024-02-29"
    assert read(DAYS, MONTHS, "2024-03-05", MappingRule(lookback=1)) == "2024-02..2024-03"
    assert read(DAYS, DAYS, "2024-02-10", MappingRule(lookback=10**9)) == "2024-01-01..2024-02-10"


def test_a_window_is_counted_from_the_own_period() -> None:
    week = MappingRule(windows={"day": Window(-6, 0)})
    assert read(DAYS, DAYS, "2024-02-10", week) == "2024-02-04..2024-02-10"
    assert read(DAYS, DAYS, "2024-02-10..2024-02-20", week) == "2024-02-04..2024-02-20"
    assert touched(DAYS, DAYS, "2024-02-10", week) == "2024-02-10..2024-02-16"
    yesterday = MappingRule(windows={"day": Window(-1, -1)})
    assert (read(DAYS, DAYS, "2024-02-10", yesterday), touched(DAYS, DAYS, "2024-02-10", yesterday)) == ("2024-02-09", "2024-02-11")
    assert read(DAYS, DAYS, "2024-02-10", MappingRule(lookback=3, windows={"day": Window(1, 2)})) == "2024-02-11..2024-02-12"


def test_hours_that_do_not_exist_are_not_counted() -> None:
    hours = spec(time("hour", "2024-01-01T00", "Europe/Berlin"))
    before = MappingRule(windows={"day": Window(-1, -1)})
    assert (read(hours, hours, "2024-03-31T03", before), touched(hours, hours, "2024-03-31T01", before)) == (
        "2024-03-31T01",
        "2024-03-31T03",
    )


def test_listed_values_read_their_equal_and_a_missing_dimension_all() -> None:
    both = spec(time("day", "2024-06-14"), REGION)
    assert read(both, spec(REGION, time("day", "2024-01-01")), "2024-06-14,region=amer") == "region=amer,day=2024-06-14"
    assert read(both, DAYS, "2024-06-14,region=amer") == "2024-06-14"
    assert read(DAYS, both, "2024-06-14") == "day=2024-06-14"
    assert read(spec(REGION), both, "amer") == "day=2024-06-14..2024-06-15,region=amer"
    assert touched(spec(REGION), both, "2024-06-14,region=amer") == "amer"
    assert touched(both, DAYS, "2024-06-14") == "day=2024-06-14"
    other = StaticDimension("region", ("amer", "apac"))
    assert read(spec(REGION), spec(other), "emea") == "" and read(spec(REGION), spec(other), "emea,amer") == "amer"


def test_a_dimension_of_another_kind_reads_all() -> None:
    listed = spec(StaticDimension("day", ("2024-06-15", "never")))
    assert read(listed, spec(time("day", "2024-06-14")), "never") == "2024-06-14..2024-06-15"
    assert touched(listed, spec(time("day", "2024-06-14")), "2024-06-15") == "2024-06-15,never"


def test_the_one_time_dimension_of_each_side_belong_together_whatever_their_names() -> None:
    loads = spec(time("day", "2024-01-01", name="load_date"), REGION)
    assert read(MONTHS, loads, "2024-02") == "load_date=2024-02-01..2024-02-29"
    for name in ("load_date", "day"):
        assert read(DAYS, loads, "2024-02-02", MappingRule(windows={name: Window(-1, 0)})) == "load_date=2024-02-01..2024-02-02"
    two = spec(time("day", "2024-06-14", name="event"), time("day", "2024-06-14", name="load"))
    assert read(DAYS, two, "2024-02-02") == str(two.all(NOW))


def test_two_time_dimensions_are_mapped_each_on_its_own() -> None:
    reader = spec(time("day", "2024-06-01", name="event"), time("day", "2024-06-01", name="load"))
    source = spec(time("day", "2024-06-01", name="load"), time("month", "2024-01", name="event"))
    assert read(reader, source, "event=2024-06-02,load=2024-06-03..2024-06-05") == "load=2024-06-03..2024-06-05,event=2024-06"
    assert touched(reader, source, "load=2024-06-03,event=2024-06") == "event=2024-06-01..2024-06-15,load=2024-06-03"


def test_all_reads_everything_of_the_input_or_of_a_dimension() -> None:
    every = MappingRule(everything=True)
    assert read(DAYS, DAYS, "2024-06-14", every) == touched(DAYS, DAYS, "2024-06-14", every) == str(DAYS.all(NOW))
    both = spec(time("day", "2024-01-01"), REGION)
    assert read(both, both, "2024-06-14,region=emea", MappingRule(windows={"region": None})) == "day=2024-06-14"
    assert touched(both, both, "2024-06-14,region=emea", MappingRule(windows={"day": None})) == "day=2024-01-01..2024-06-15,region=emea"


def test_nothing_reads_nothing() -> None:
    for rule in (OVERLAP, MappingRule(everything=True)):
        assert not upstream(DAYS, MONTHS, DAYS.none(), NOW, rule) and not downstream(DAYS, MONTHS, MONTHS.none(), NOW, rule)
        assert not upstream(DAYS, None, DAYS.none(), NOW, rule)


def test_an_asset_without_partitions_is_one_whole() -> None:
    whole = UNPARTITIONED.all(NOW)
    assert upstream(DAYS, None, DAYS.parse("2024-01-01", NOW), NOW) == whole == downstream(None, DAYS, DAYS.parse("2024-01-01", NOW), NOW)
    assert upstream(None, DAYS, whole, NOW) == DAYS.all(NOW) == downstream(DAYS, None, whole, NOW)


def test_partitions_of_another_definition_are_refused() -> None:
    for mapped in (upstream, downstream):
        with pytest.raises(ValueError, match="another definition"):
            mapped(DAYS, DAYS, MONTHS.all(NOW), NOW)


def test_a_window_runs_forward() -> None:
    with pytest.raises(ValueError, match="forward"):
        Window(1, 0)


def test_a_long_range_is_mapped_by_its_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    hours = spec(time("hour", "2010-01-01T00", "Europe/Berlin"))
    given = hours.all(NOW)
    assert len(given) > 100_000
    kind = type(hours.dimensions[0].calendar)
    monkeypatch.setattr(kind, "at", lambda self, instant, at=kind.at: (calls.append(1), at(self, instant))[1])
    assert str(upstream(hours, MONTHS, given, NOW, MappingRule(lookback=3))) == "2024-01..2024-06"
    assert len(calls) < 10
