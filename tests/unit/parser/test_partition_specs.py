"""The `partitions` of a file: three kinds of dimensions, and what is said of everything else."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from penstock.assets.dimensions import QueryDimension, StaticDimension, TimeDimension
from penstock.assets.partition_mapping import OVERLAP, MappingRule, Window
from penstock.assets.partitions import UNPARTITIONED, PartitionSpec
from penstock.errors import Location, ParseError, PenstockError, Problems
from penstock.parser.partitions import parse_mapping_rule, parse_partitions
from penstock.parser.yaml12 import load_yaml

AT = Location("ingest/raw/orders.sql", 2)


def good(text: str) -> PartitionSpec:
    return parse_partitions(load_yaml(text, "x.yml"), AT)


def problems(read: Any) -> list[str]:
    with pytest.raises(PenstockError) as caught:
        read()
    found = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
    assert all(isinstance(one, ParseError) and one.at == AT for one in found)
    return [f"{one.message} / {one.hint}" for one in found]


def problem(text: str) -> str:
    (one,) = problems(lambda: good(text))
    return one


def test_a_product_keeps_the_order_of_its_dimensions() -> None:
    spec = good(
        "{day: {every: day, start: 2024-01-01, end: 2024-06-30, tz: Europe/Berlin, column: order_date},"
        " region: {values: [emea, 1, true, on, 007]}, customer: {from: ' select id from customers ', column: id}}"
    )
    assert spec == PartitionSpec((
        TimeDimension("day", "day", "2024-01-01", "2024-06-30", "Europe/Berlin", "order_date"),
        StaticDimension("region", ("emea", "1", "true", "on", "7"), "region"),
        QueryDimension("customer", "select id from customers", "id"),
    ))  # fmt: skip


@pytest.mark.parametrize("raw", [None, {}])
def test_nothing_said_is_unpartitioned(raw: Any) -> None:
    assert parse_partitions(raw) is UNPARTITIONED


@pytest.mark.parametrize(
    ("grain", "start", "end", "first", "last"),
    [
        ("day", "2024-01-05", "2024-02-05", "2024-01-05", "2024-02-05"),
        ("day", "2024-01", "2024-02", "2024-01-01", "2024-02-29"),
        ("day", 2023, 2024, "2023-01-01", "2024-12-31"),
        ("day", date(2024, 1, 5), datetime(2024, 2, 5, 13), "2024-01-05", "2024-02-05"),
        ("hour", "2024-01-05", "2024-01-05", "2024-01-05T00", "2024-01-05T23"),
        ("hour", "2024-01-05 07:30:00", "2024-01-05T09:00", "2024-01-05T07", "2024-01-05T09"),
        ("hour", datetime(2024, 1, 5, 7), None, "2024-01-05T07", None),
        ("week", "2024-01-05", "2024-W09", "2024-W01", "2024-W09"),
        ("month", "2024-01-05", "2024-02-01", "2024-01", "2024-02"),
        ("month", "2024-W09", "2024", "2024-02", "2024-12"),
        ("quarter", "2024-02", "2024-12-31", "2024-Q1", "2024-Q4"),
        ("year", 2023, "2024-06-01", "2023", "2024"),
        ("day", "2024-01-05", "2024-01-05", "2024-01-05", "2024-01-05"),
    ],
)
def test_start_and_end_may_be_written_coarser_or_finer(grain: str, start: Any, end: Any, first: str, last: str | None) -> None:
    (one,) = parse_partitions({"day": {"every": grain, "start": start, "end": end}}).dimensions
    assert isinstance(one, TimeDimension) and (one.start, one.end) == (first, last)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[day]", "pairs"),
        ("day", "pairs"),
        ("{day: day}", "has neither `every` nor `values` nor `from` / Write {every: day"),
        ("{day: {}}", "has neither"),
        ("{day: {evry: day, start: 2024-01-01}}", "Did you mean `every`?"),
        ("{day: {start: 2024-01-01}}", "has neither `every` nor `values` nor `from` / Write"),
        ("{day: {every: day, values: [a]}}", "says both `every` and `values`"),
        ("{day: {values: [a], from: select 1}}", "says both `values` and `from`"),
        ("{day: {every: dya, start: 2024-01-01}}", "`partitions.day.every` cannot be `dya` / Did you mean `day`?"),
        ("{day: {every: [day], start: 2024-01-01}}", "cannot be"),
        ("{day: {every: fortnight, start: 2024-01-01}}", "Choose from day, hour, month, quarter, week, year."),
        ("{day: {every: day}}", "`partitions.day` needs a `start` / Name its first day, such as `start: 2024-03-02`."),
        ("{day: {every: day, start: 2024-02-30}}", "`partitions.day.start`: `2024-02-30` is no day / Write a key such as 2024-03-02"),
        ("{day: {every: day, start: yesterday}}", "is no day"),
        ("{day: {every: day, start: 20240101}}", "is no day"),
        ("{day: {every: day, start: true}}", "is no day"),
        ("{day: {every: day, start: 0900-01-01}}", "is no day"),
        ("{day: {every: hour, start: '2024-01-01T00:00:00+02:00'}}", "is no hour"),
        ("{day: {every: week, start: 2024}}", None),
        ("{day: {every: day, start: 2024-01-01, end: soon}}", "`partitions.day.end`: `soon` is no day"),
        ("{day: {every: day, start: 2024-01-02, end: 2024-01-01}}", "ends before it starts: 2024-01-02 is after 2024-01-01"),
        ("{day: {every: day, start: 2024-01-01, tz: Europe/Berln}}", "no time zone `Europe/Berln` / Did you mean `Europe/Berlin`?"),
        ("{day: {every: day, start: 2024-01-01, tz: qqq}}", "IANA"),
        ("{day: {every: day, start: 2024-01-01, tz: 2}}", "`partitions.day.tz` must be text"),
        ("{day: {every: day, start: 2024-01-01, colunm: x}}", "unknown key `partitions.day.colunm` / Did you mean `column`?"),
        ("{day: {every: day, start: 2024-01-01, column: 1}}", "`partitions.day.column` must be text, not `1`"),
        ("{r: {values: [a], tz: UTC}}", "unknown key `partitions.r.tz` / Choose from column, values."),
        ("{r: {values: []}}", "must be a list of at least one value"),
        ("{r: {values: emea}}", "must be a list"),
        ("{r: {values: [a, b, a]}}", "`a` stands twice"),
        ("{r: {values: [1, '1']}}", "`1` stands twice"),
        ("{r: {values: [1.5]}}", "`1.5` is neither text nor a whole number"),
        ("{r: {values: [null]}}", "`None` is neither"),
        ("{r: {from: ''}}", "`partitions.r.from` is empty"),
        ("{r: {from: [a]}}", None),
        ("{my-day: {every: day, start: 2024-01-01}}", "`my-day` cannot name a dimension"),
        ("{1: {values: [a]}}", "`1` cannot name a dimension"),
        ("{start: {values: [a]}}", "a dimension cannot be named `start`"),
        ("{Run_ID: {values: [a]}}", "`$run_id` stands for something else"),
        ("{day: {values: [a]}, Day: {values: [b]}}", "the dimension `Day` stands twice"),
    ],
)
def test_what_is_no_dimension_is_told_with_a_remedy(text: str, words: str | None) -> None:
    if words is not None:
        assert words in problem(text)
    elif "week" in text:
        assert good(text).dimensions[0].start == "2024-W01"  # type: ignore[union-attr]
    else:
        assert "must be text" in problems(lambda: good(text))[0]


def test_all_mistakes_are_told_together() -> None:
    text = "{day: {every: day, start: x, end: y, tz: z, a: 1}, region: {values: [1.5, null]}, start: {from: ''}}"
    assert len(problems(lambda: good(text))) == 8


DAYS = PartitionSpec((TimeDimension("day", "day", "2024-01-01"), StaticDimension("region", ("emea",))))
LOADS = PartitionSpec((TimeDimension("load", "day", "2024-01-01"), StaticDimension("region", ("emea",))))


def rule(text: str) -> MappingRule:
    return parse_mapping_rule(load_yaml(text, "x.yml"), DAYS, LOADS, AT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", OVERLAP),
        ("{}", OVERLAP),
        ("all", MappingRule(everything=True)),
        ("{lookback: 2}", MappingRule(lookback=2)),
        ("{load: {from: -6, to: 0}}", MappingRule(windows={"load": Window(-6, 0)})),
        ("{day: {from: -6}, region: all, lookback: 0}", MappingRule(windows={"day": Window(-6, 0), "region": None})),
        ("{load: {to: 1}}", MappingRule(windows={"load": Window(0, 1)})),
    ],
)
def test_a_rule_says_what_is_read_besides_the_overlap(text: str, expected: MappingRule) -> None:
    assert rule(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("some", "`some` is no rule for partitions / Write `all`"),
        ("{lookback: -1}", "`lookback` must be a whole number of at least 0, not `-1`"),
        ("{lookback: true}", "must be a whole number"),
        ("{laod: {from: 1}}", "unknown dimension `laod` / Did you mean `load`?"),
        ("{load: {form: -1}}", "unknown key `load.form` / Did you mean `from`?"),
        ("{load: {from: 0, to: -1}}", "`load` runs backwards, from 0 to -1 / Write {from: -1, to: 0}."),
        ("{load: {from: a}}", "`load.from` must be a whole number, not `a`"),
        ("{load: 3}", "`load: 3` is no rule for partitions / Write {from: -6, to: 0}, or `all`."),
        ("{region: {from: -1}}", "Values are read by equal value, or all of them: write `all`."),
    ],
)
def test_what_is_no_rule_is_told_with_a_remedy(text: str, words: str) -> None:
    (one,) = problems(lambda: rule(text))
    assert words in one
