"""Sets of partitions: what is in them, how they are written, and what is said of a text that names none."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime

import pytest
from penstock.assets.dimensions import Dimension, QueryDimension, StaticDimension, TimeDimension
from penstock.assets.ordinal_ranges import bridged, count, difference, holds, intersection, merged, runs_of
from penstock.assets.partitions import UNPARTITIONED, PartitionSet, PartitionSpec
from penstock.errors import ConfigError, PenstockError, Problems, SelectionError

NOW = datetime(2024, 2, 10, 12)
DAY = TimeDimension("day", "day", "2024-01-01")
MONTH = TimeDimension("month", "month", "2023-11", "2024-06")
HOUR = TimeDimension("hour", "hour", "2024-03-30T00", tz="Europe/Berlin")
APIA = TimeDimension("day", "day", "2011-12-25", "2012-01-05", tz="Pacific/Apia")
REGION = StaticDimension("region", ("emea", "amer", "apac"))
ODD = StaticDimension("name", ("a,b", "a=b", 'say "x"', "", "north west", "a..b", "plain"))


def spec(*dimensions: Dimension) -> PartitionSpec:
    return PartitionSpec(dimensions)


def parsed(text: str, *dimensions: Dimension, now: datetime = NOW) -> list[str]:
    return list(spec(*dimensions).parse(text, now).keys())


def problem(text: str, *dimensions: Dimension, now: datetime = NOW) -> str:
    with pytest.raises(PenstockError) as caught:
        spec(*dimensions).parse(text, now)
    problems = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
    assert all(isinstance(one, SelectionError) for one in problems)
    return "\n".join(f"{one} / {one.hint}" for one in problems)


def test_all_partitions_are_those_that_have_begun_and_complete_those_that_are_over() -> None:
    assert str(spec(DAY).all(NOW)) == "2024-01-01..2024-02-10"
    assert str(spec(DAY).all(NOW, complete_only=True)) == "2024-01-01..2024-02-09"
    assert str(spec(DAY).all(datetime(2024, 2, 10))) == "2024-01-01..2024-02-10"
    assert str(spec(DAY).all(datetime(2024, 2, 10), complete_only=True)) == "2024-01-01..2024-02-09"
    assert str(spec(MONTH).all(datetime(2030, 1, 1))) == "2023-11..2024-06"
    assert not spec(DAY).all(datetime(2023, 12, 31, 23))
    assert str(spec(TimeDimension("day", "day", "2024-01-01", tz="Asia/Tokyo")).all(datetime(2024, 1, 1, 15))) == "2024-01-01..2024-01-02"


def test_a_product_goes_by_time_first_and_then_by_the_order_of_values() -> None:
    found = spec(REGION, DAY).all(datetime(2024, 1, 2))
    assert list(found.keys()) == [f"region={region},day=2024-01-0{day}" for day in (1, 2) for region in ("emea", "amer", "apac")]
    assert len(found) == 6
    assert (str(found.first()), str(found.last())) == ("region=emea,day=2024-01-01", "region=apac,day=2024-01-02")


def test_a_partition_tells_its_times_and_values() -> None:
    (one,) = spec(HOUR, REGION).parse("hour=2024-03-31T03,region=amer", NOW)
    assert (one.key, spec(HOUR, REGION).key(one)) == ("hour=2024-03-31T03,region=amer",) * 2
    assert (one.start, one.end) == (datetime(2024, 3, 31, 1), datetime(2024, 3, 31, 2))
    assert (one.local_start, one.local_end) == (datetime(2024, 3, 31, 3), datetime(2024, 3, 31, 4))
    assert one.values == {"hour": datetime(2024, 3, 31, 3), "region": "amer"}
    (week,) = spec(TimeDimension("week", "week", "2024-W01")).parse("2024-W06", NOW)
    assert week.values == {"week": date(2024, 2, 5)} and type(week.values["week"]) is date
    (region,) = spec(REGION).parse("apac", NOW)
    assert (region.key, region.start, region.end, region.local_start, region.values) == ("apac", None, None, None, {"region": "apac"})


def test_a_second_time_dimension_is_one_of_the_other_coordinates() -> None:
    both = spec(DAY, MONTH)
    found = both.parse("day=2024-01-01..2024-01-03,month=2023-12..2024-01", NOW)
    assert len(found.ranges()) == 2 and len(found) == 6
    assert str(found) == "day=2024-01-01..2024-01-03,month=2023-12..2024-01"
    first = found.first()
    assert first is not None and first.values == {"day": date(2024, 1, 1), "month": date(2023, 12, 1)}
    assert (first.start, first.end) == (datetime(2024, 1, 1), datetime(2024, 1, 2))
    assert found.ranges()[0].values == {"month": date(2023, 12, 1)}


def test_the_whole_is_the_one_partition_without_a_key() -> None:
    whole = UNPARTITIONED.all(NOW)
    assert (list(whole.keys()), len(whole), whole.to_ranges()) == ([""], 1, [("", "", "", 1)])
    assert UNPARTITIONED.from_keys(["", "2024-01-01"]) == (whole, ["2024-01-01"])
    assert "there are none" in problem("2024-01-01")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("2024-01-05", ["2024-01-05"]),
        ("day=2024-01-05", ["2024-01-05"]),
        ("2024-01-30..2024-02-01", ["2024-01-30", "2024-01-31", "2024-02-01"]),
        ("2024-02-09..", ["2024-02-09", "2024-02-10"]),
        ("..2024-01-02", ["2024-01-01", "2024-01-02"]),
        ("2024-02-02,2024-01-02", ["2024-01-02", "2024-02-02"]),
        ("2024-01-02 day=2024-01-03", ["2024-01-02", "2024-01-03"]),
        ("2024-W01", [f"2024-01-0{day}" for day in range(1, 8)]),
        ("2024-W52..2024-W01", None),
        ("2024-01-31..2024-02", ["2024-01-31", *(f"2024-02-{day:02}" for day in range(1, 11))]),
        ("2024-03-01", ["2024-03-01"]),  # to come, but named
        ("2023..2024-01-01", ["2024-01-01"]),
    ],
)
def test_days_may_be_named_one_by_one_by_range_and_by_coarser_periods(text: str, keys: list[str] | None) -> None:
    if keys is None:
        assert "backwards" in problem(text, DAY)
    else:
        assert parsed(text, DAY) == keys


def test_a_coarser_period_stands_for_what_has_begun_of_it() -> None:
    assert len(parsed("2024", DAY)) == len(parsed("2024-Q1", DAY)) == 41
    assert len(parsed("day=2024-01", DAY, REGION)) == 31 * 3
    assert parsed("hour=2024-03-31", HOUR, now=datetime(2024, 5, 1))[:4] == [f"2024-03-31T0{hour}" for hour in (0, 1, 3, 4)]


def test_a_missing_dimension_means_all_of_it_and_a_repeated_one_both() -> None:
    assert parsed("day=2024-01-01,region=emea,region=apac", DAY, REGION) == ["day=2024-01-01,region=emea", "day=2024-01-01,region=apac"]
    assert len(parsed("region=emea", DAY, REGION)) == 41
    assert len(parsed("2024-01-01", DAY, REGION)) == 3
    assert len(parsed("2024-01-01,region=amer", DAY, REGION)) == 1
    assert parsed("apac,emea", REGION) == ["emea", "apac"]
    assert not parsed("region=emea", DAY, REGION, now=datetime(2020, 1, 1))


def test_values_with_marks_of_the_grammar_are_quoted_and_read_back() -> None:
    alone, dated = spec(ODD), spec(DAY, ODD)
    expected = ['"a,b"', '"a=b"', '"say ""x"""', '""', '"north west"', "a..b", "plain"]
    assert list(alone.all(NOW).keys()) == expected
    assert [key.partition("name=")[2] for key in map(str, dated.all(datetime(2024, 1, 1)))] == expected
    for one in alone.all(NOW):
        assert list(alone.parse(one.key, NOW)) == [one] and alone.from_keys([one.key])[1] == []
    for one in dated.all(datetime(2024, 1, 1)):
        assert list(dated.parse(one.key, NOW)) == [one] and list(dated.from_keys([one.key])[0]) == [one]


def test_a_set_is_described_by_few_words() -> None:
    days = spec(DAY, REGION)
    assert days.describe(days.parse("day=2024-01", NOW)) == "day=2024-01-01..2024-01-31"
    assert str(days.parse("day=2024-01,region=emea,region=apac", NOW)) == "day=2024-01-01..2024-01-31,region=emea,region=apac"
    some = days.parse("day=2024-01-01..2024-01-03 day=2024-01-05,region=amer", NOW)
    assert str(some) == "day=2024-01-01..2024-01-03 day=2024-01-05,region=amer"
    assert str(spec(REGION).all(NOW)) == "emea,amer,apac"
    assert str(days.none()) == ""


@pytest.mark.parametrize(
    ("text", "dimensions", "words"),
    [
        ("dya=2024-01-01", (DAY, REGION), "there is no dimension `dya` / Did you mean `day`?"),
        ("x=1", (DAY, REGION), "there is no dimension `x` / Choose from day, region."),
        ("2024-01-05..2024-01-03", (DAY,), "runs backwards / Write `2024-01-03..2024-01-05`."),
        ("2023-12-31", (DAY,), "2023-12-31 lies before the start of `day`, 2024-01-01 / Partitions run from 2024-01-01 on."),
        ("2023-12-30..2024-01-02", (DAY,), "2023-12-30 lies before the start"),
        ("2024-07", (MONTH,), "2024-07 lies after the end of `month`, 2024-06 / Partitions run from 2023-11 to 2024-06."),
        ("2024-02..2024-08", (MONTH,), "2024-08 lies after the end"),
        ("region=eema", (DAY, REGION), "`region` has no value eema / Did you mean `emea`?"),
        ("region=zz", (REGION,), "`region` has no value zz / Choose from amer, apac, emea."),
        ("2024-13", (DAY,), "expected for `day` a day key such as 2024-03-02, found `2024-13`"),
        ("2024-01-01", (MONTH,), "expected for `month` a month key such as 2024-03, found `2024-01-01`"),
        ("2024-01-01T05", (DAY,), "expected for `day` a day key"),
        ("2024-01-01...2024-01-02", (DAY,), "expected for `day` a day key"),
        ("2024-01-01..2024-01-02..2024-01-03", (DAY,), "expected for `day` a day key"),
        ("..", (DAY,), "expected for `day` a day key"),
        ("2024-01-01 .. 2024-01-03", (DAY,), "found `..`"),
        ("2022", (DAY,), "no partition of `day` lies in `2022`"),
        ("2025", (DAY,), "no partition of `day` lies in `2025`"),
        ("2030-01-01..", (DAY,), "no partition of `day` lies in `2030-01-01..`"),
        ("2011-12-30", (APIA,), "there is no `day` 2011-12-30 in Pacific/Apia"),
        ("2011-12-30..2011-12-30", (APIA,), "there is no `day`"),
        ("emea", (REGION, ODD), "does not say of which dimension / Write `region=emea`."),
        ("", (DAY,), "names no partition"),
        ("  ", (DAY,), "names no partition"),
        ("day=", (DAY,), "at column 1 of `day=`"),
        ("2024-01-01,", (DAY,), "found `nothing` at column 12"),
        (",", (DAY,), "column 1"),
        ("name=a=b", (ODD,), "into double quotes"),
        ('name="a', (ODD,), "into double quotes"),
        ('name="a"b', (ODD,), "into double quotes"),
    ],
)
def test_what_names_no_partition_is_told_with_a_remedy(text: str, dimensions: tuple[Dimension, ...], words: str) -> None:
    assert words in problem(text, *dimensions)


def test_every_mistake_of_a_text_is_told() -> None:
    assert len(problem("day=x,region=y z=1", DAY, REGION).splitlines()) == 3


def test_a_period_that_does_not_exist_is_in_no_set_and_breaks_no_range() -> None:
    apia = spec(APIA)
    everything = apia.all(datetime(2020, 1, 1))
    assert len(everything) == 11 and "2011-12-30" not in set(everything.keys())
    assert apia.from_keys(["2011-12-29", "2011-12-30", "2011-12-31"]) == (apia.parse("2011-12-29..2011-12-31", NOW), ["2011-12-30"])
    second = spec(TimeDimension("load", "day", "2011-01-01"), APIA)
    assert second.from_keys(["load=2011-12-30,day=2011-12-30"]) == (second.none(), ["load=2011-12-30,day=2011-12-30"])
    (before,) = apia.parse("2011-12-29", NOW)
    assert [dataclasses.replace(before, ordinal=before.ordinal + later) in everything for later in range(3)] == [True, False, True]
    two = apia.parse("2011-12-29 2011-12-31", NOW)
    assert [str(run) for run in two.ranges()] == ["2011-12-29..2011-12-31"] and [len(run) for run in two.ranges()] == [2]
    assert str(apia.parse("2011-12-30..2011-12-31", NOW)) == "2011-12-31" == str(two.minus(apia.parse("2011-12-29", NOW)))
    assert two.to_ranges() == [("", "2011-12-29", "2011-12-31", 2)]
    assert [str(chunk) for chunk in apia.parse("2011-12-28..2012-01-02", NOW).chunks(2)] == [
        "2011-12-28..2011-12-29", "2011-12-31..2012-01-01", "2012-01-02",
    ]  # fmt: skip


def test_chunks_are_contiguous_and_no_larger_than_asked() -> None:
    found = spec(DAY, REGION).parse("2024-01-01..2024-01-05,region=emea 2024-01-07,region=emea 2024-01-02,region=amer", NOW)
    assert [str(one).replace("2024-01-0", "") for one in found.chunks(2)] == [
        "day=1..2,region=emea", "day=3..4,region=emea", "day=5,region=emea", "day=7,region=emea", "day=2,region=amer",
    ]  # fmt: skip
    assert [len(one) for one in found.chunks(None)] == [5, 1, 1]
    (first, *_) = found.chunks(None)
    assert (first.start, first.end, first.local_start, first.local_end) == (datetime(2024, 1, 1), datetime(2024, 1, 6)) * 2
    assert first.values == {"region": "emea"} and [one.key for one in first][-1] == "day=2024-01-05,region=emea"
    with pytest.raises(ValueError, match="at least one"):
        found.chunks(0)


def test_keys_of_an_older_definition_are_told_apart() -> None:
    keys = [
        "day=2024-01-02,region=emea", "day=2023-12-31,region=emea", "day=2024-01-02,region=gone", "2024-01-02", "region=emea,day=2024-01-02",
        'day=2024-01-02,region="emea"', "day=2024-01-02,,region=emea", "day=x,region=emea", "", "region=emea", "day=2024-01-02,region=emea,x=1",
        "other=2024-01-02,region=emea", "day=2024-01-02,other=emea",
    ]  # fmt: skip
    found, unknown = spec(DAY, REGION).from_keys(keys)
    assert list(found.keys()) == keys[:1]
    assert sorted(unknown) == sorted(keys[1:])
    odd = ['day=2024-01-01,,name="a,b"', 'day=2024-01-01,name="a,b",', 'day=2024-01-01,name="a,b', 'day=2024-01-01,name="plain"']
    assert spec(DAY, ODD).from_keys(odd) == (spec(DAY, ODD).none(), odd)
    assert spec(REGION).from_keys(["emea", "gone", "emea amer", ""]) == (spec(REGION).parse("emea", NOW), ["gone", "emea amer", ""])


def test_stored_ranges_of_an_older_definition_count_as_far_as_they_are_known() -> None:
    rows = [
        ("region=emea", "2023-12-30", "2024-01-02", 4),
        ("region=gone", "2024-01-01", "2024-01-01", 1),
        ("region=amer", "2024-01", "2024-02", 2),
    ]
    found, unknown = spec(DAY, REGION).from_ranges([*rows, ("region=apac", "2024-01-01", "2024-01-01", 1)])
    assert sorted(found.keys()) == ["day=2024-01-01,region=apac", "day=2024-01-01,region=emea", "day=2024-01-02,region=emea"]
    assert unknown == rows
    assert spec(DAY).from_ranges([("", "2023-01-01", "2023-01-02", 2)]) == (spec(DAY).none(), [("", "2023-01-01", "2023-01-02", 2)])
    assert spec(REGION).from_ranges([("emea", "", "", 1), ("amer", "2024-01-01", "2024-01-01", 1)])[1] == [
        ("amer", "2024-01-01", "2024-01-01", 1)
    ]


def test_membership_asks_for_the_same_definition_and_an_existing_period() -> None:
    (one,) = spec(DAY).parse("2024-01-05", NOW)
    assert one in spec(DAY).all(NOW)
    assert one not in spec(DAY).parse("2024-01-06", NOW)
    assert one not in spec(TimeDimension("day", "day", "2024-01-02")).all(NOW)


def test_sets_of_two_definitions_do_not_mix() -> None:
    one, other = spec(DAY).all(NOW), spec(MONTH).all(NOW)
    for combine in (PartitionSet.union, PartitionSet.intersect, PartitionSet.minus):
        with pytest.raises(ValueError, match="two definitions"):
            combine(one, other)


def test_what_a_query_lists_must_be_known_first() -> None:
    asked = spec(DAY, QueryDimension("customer", "select id from customers", "customer_id"))
    for use in (lambda: asked.all(NOW), lambda: asked.parse("customer=1", NOW), lambda: asked.from_keys(["day=2024-01-01,customer=1"])):
        with pytest.raises(ConfigError, match="`customer` are not known yet"):
            use()
    known = asked.with_values({"customer": ["7", "9", "7"], "other": ["x"]})
    assert list(known.parse("2024-01-01", NOW).keys()) == ["day=2024-01-01,customer=7", "day=2024-01-01,customer=9"]
    assert known.dimensions[1].column == "customer_id"
    assert spec(DAY).with_values({"day": ["x"]}) == spec(DAY)


def test_a_dimension_reads_the_column_of_its_name_unless_told_otherwise() -> None:
    assert (DAY.column, REGION.column, QueryDimension("x", "select 1").column) == ("day", "region", "x")
    assert TimeDimension("day", "day", "2024-01-01", column="order_date").column == "order_date"
    with pytest.raises(ValueError, match="'2024' is not the key of a day"):
        TimeDimension("day", "day", "2024")


def test_a_hundred_thousand_partitions_are_one_range() -> None:
    hours = spec(TimeDimension("hour", "hour", "2010-01-01T00", tz="Europe/Berlin"))
    found = hours.all(datetime(2024, 1, 1))
    assert len(found) > 100_000 and len(found.ranges()) == 1 and len(found.to_ranges()) == 1
    assert str(found.minus(hours.parse("2012", NOW))) == "2010-01-01T00..2011-12-31T23 2013-01-01T00..2024-01-01T01"


def test_ranges_of_integers_are_merged_cut_and_counted() -> None:
    assert merged([(5, 7), (1, 3), (3, 4), (6, 9), (4, 4), (9, 8)]) == ((1, 4), (5, 9))
    assert runs_of([3, 1, 2, 2, 7]) == ((1, 4), (7, 8)) and runs_of([]) == () and runs_of([0]) == ((0, 1),)
    assert intersection(((1, 5), (7, 9)), ((0, 2), (4, 8))) == ((1, 2), (4, 5), (7, 8))
    assert difference(((1, 5), (7, 9)), ((-3, 0), (2, 3), (8, 12))) == ((1, 2), (3, 5), (7, 8))
    assert difference((), ((1, 2),)) == () and difference(((1, 2),), ()) == ((1, 2),)
    assert [one for one in range(10) if holds(((1, 3), (5, 6)), one)] == [1, 2, 5]
    assert bridged(((2, 4), (5, 7)), (1, 4, 7)) == ((2, 7),) and bridged(((4, 5),), (4,)) == () and bridged(((3, 6),), (3, 4)) == ((5, 6),)
    assert count(((1, 5), (7, 9)), (2, 6, 8)) == 4
