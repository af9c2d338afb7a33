"""Marks for the bounds of a slice: told apart from what Jinja did with them, and replaced by each slice's values."""

from __future__ import annotations

import doctest
from datetime import datetime

import duckdb
import pytest
from penstock.assets.dimensions import StaticDimension, TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSpec
from penstock.compiler import slice_bounds
from penstock.compiler.slice_bounds import NAMES, agreed_text, bounded, names_in, trial
from penstock.errors import ProjectError

DAY = TimeDimension("day", Grain.DAY, "2024-03-30", "2024-04-02", "Europe/Berlin")
HOUR = TimeDimension("hour", Grain.HOUR, "2024-03-02T00", "2024-03-02T23")
REGION = StaticDimension("region", ("o'neill", "{penstock_end}"))
ALL = "select '{penstock_start}', '{penstock_end}', '{penstock_partition}'"


def slices(*dimensions: TimeDimension | StaticDimension, size: int | None = 1) -> list[PartitionRange]:
    """All slices of so many partitions."""
    return list(PartitionSpec(dimensions).all(datetime(2024, 5, 1)).chunks(size))


def values(part: PartitionRange, sql: str = ALL) -> tuple[object, ...]:
    """What the engine reads in the literals."""
    (found,) = duckdb.connect().execute(bounded(sql, part, "duckdb")).fetchall()
    return tuple(found)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(slice_bounds).failed == 0


def test_bounds_are_local_and_half_open_and_the_key_is_the_partitions() -> None:
    assert values(slices(DAY)[1]) == ("2024-03-31 00:00:00", "2024-04-01 00:00:00", "2024-03-31")
    assert values(slices(HOUR)[5]) == ("2024-03-02 05:00:00", "2024-03-02 06:00:00", "2024-03-02T05")
    (whole,) = slices(DAY, size=None)
    assert values(whole, ALL.replace(", '{penstock_partition}'", "")) == ("2024-03-30 00:00:00", "2024-04-03 00:00:00")


def test_keys_with_quotes_or_marks_in_them_stay_text() -> None:
    found = [
        values(part, "select '{penstock_partition} x {penstock_start}'")[0]
        for part in slices(DAY, REGION)
        if part.first_key == "2024-03-30"
    ]
    assert sorted(map(str, found)) == [
        "day=2024-03-30,region=o'neill x 2024-03-30 00:00:00",
        "day=2024-03-30,region={penstock_end} x 2024-03-30 00:00:00",
    ]


def test_what_has_no_time_or_several_partitions_is_refused() -> None:
    with pytest.raises(ProjectError, match="no dimension of its partitions is time"):
        bounded("select '{penstock_end}'", slices(REGION)[0], "duckdb")
    with pytest.raises(ProjectError, match=r"is one partition, and 2024-03-30\.\.2024-04-02 are 4"):
        bounded("select '{penstock_partition}'", slices(DAY, size=None)[0], "duckdb")


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select 1", set()),
        ("select 'it''s {penstock_start}' -- '{penstock_end}'", {"penstock_start"}),
        ("select 1 /* {penstock_end} */", set()),
        ("select '{penstock_other}', '{ penstock_start }'", set()),
        (ALL, set(NAMES)),
    ],
)
def test_marks_count_in_literals_alone(sql: str, names: set[str]) -> None:
    assert names_in(sql, "duckdb") == names


@pytest.mark.parametrize(
    "sql", ["select {penstock_start}", 'select "{penstock_start}"', "select $${penstock_start}$$", "select e'{penstock_start}'"]
)
def test_marks_elsewhere_are_refused(sql: str) -> None:
    with pytest.raises(ProjectError, match="outside a plain string literal"):
        names_in(sql, "duckdb")


def test_comments_and_everything_else_stay_to_the_letter() -> None:
    sql = "select  '{penstock_start}'::date -- {penstock_start}\n from  \"T\" /* '{penstock_end}' */"
    assert bounded(sql, slices(DAY)[0], "duckdb") == sql.replace("'{penstock_start}'", "'2024-03-30 00:00:00'")
    assert bounded("select '{broken", slices(DAY)[0], "duckdb") == "select '{broken"


PRINTED = {
    "whole": lambda value: f"'{value}'",
    "twice": lambda value: f"'{value}' || '{value} x'",
}
CHANGED = {
    "cut": lambda value: value[:10],
    "behind": lambda value: value[1:],
    "within": lambda value: value[1:-1],
    "split": lambda value: value.split(" ")[0],
    "without dashes": lambda value: value.replace("-", ""),
    "without colons": lambda value: value.replace(":", ""),
    "without zeros": lambda value: value.replace("0", ""),
    "upper": str.upper,
    "lower": str.lower,
    "length": lambda value: str(len(value)),
    "compared": lambda value: str(value > "2024-01-01"),
    "letters": lambda value: "".join(one for one in value if one in "abcdefghijklmnopqrstuvwxyz_"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("use", PRINTED)
def test_what_is_printed_whole_is_one_query_with_marks(use: str, name: str) -> None:
    texts = [PRINTED[use](trial(number)[name]) for number in (0, 1)]
    assert agreed_text(*texts) == PRINTED[use](f"{{{name}}}")


@pytest.mark.parametrize("use", CHANGED)
def test_what_jinja_changed_or_asked_is_noticed(use: str) -> None:
    for name in NAMES:
        with pytest.raises(ProjectError, match="its Jinja does more with"):
            agreed_text(*(CHANGED[use](trial(number)[name]) for number in (0, 1)))
