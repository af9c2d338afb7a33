"""Slices of a relation: which rows belong to some partitions, and what each of them holds; DuckDB and Python are asked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest
from penstock.assets.dimensions import StaticDimension, TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSpec
from penstock.compiler.content import Columns, content_query
from penstock.compiler.partition_filter import Bound, Equals
from penstock.compiler.slices import conditions_of, partitioned_content_query, where
from penstock.errors import WarehouseError

NOW = datetime(2024, 12, 1)


def part_of(spec: PartitionSpec, text: str) -> PartitionRange:
    (part,) = spec.parse(text, NOW).ranges()
    return part


def days(tz: str = "UTC", column: str = "at", grain: Grain = Grain.DAY, start: str = "2024-03-01") -> PartitionSpec:
    return PartitionSpec((TimeDimension("day", grain, start, tz=tz, column=column),))


def test_bounds_are_those_of_the_columns_type() -> None:
    part = part_of(days("Europe/Berlin"), "2024-03-31")
    assert conditions_of(part, [("at", "DATE")]) == [Bound("at", date(2024, 3, 31), date(2024, 4, 1))]
    assert conditions_of(part, [("at", "TIMESTAMP")]) == [Bound("at", datetime(2024, 3, 31), datetime(2024, 4, 1))]
    instants = datetime(2024, 3, 30, 23, tzinfo=UTC), datetime(2024, 3, 31, 22, tzinfo=UTC)
    assert conditions_of(part, [("AT", "TIMESTAMP WITH TIME ZONE")]) == [Bound("at", *instants)]


def test_other_dimensions_are_equal_values() -> None:
    spec = PartitionSpec((*days().dimensions, StaticDimension("region", ("a'b", "c"), "land")))
    part = part_of(spec, 'day=2024-03-02,region="a\'b"')
    assert conditions_of(part, [("at", "DATE"), ("land", "VARCHAR")])[1] == Equals("land", "a'b")
    assert where(conditions_of(part, [("at", "DATE"), ("land", "VARCHAR")]), "duckdb").endswith("\"land\" = 'a''b'")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([("other", "DATE")], "have no column `at`"),
        ([("at", "VARCHAR")], "`at` is a VARCHAR"),
        ([("at", "BIGINT")], "`at` is a BIGINT"),
    ],
)
def test_rows_that_cannot_be_told_apart_are_refused(columns: Columns, words: str) -> None:
    with pytest.raises(WarehouseError, match=words):
        conditions_of(part_of(days(), "2024-03-02"), columns)


def test_a_date_has_no_hours() -> None:
    part = part_of(days(grain=Grain.HOUR, start="2024-03-01T00"), "2024-03-02T05")
    with pytest.raises(WarehouseError, match="is a DATE, which has no hour"):
        conditions_of(part, [("at", "DATE")])


@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
def test_each_partition_holds_what_its_rows_alone_would(tz: str, kind: str) -> None:
    spec = days(tz)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"create table t as select cast(timestamp '2024-03-28 22:00' + to_hours(i::bigint * 5) as {kind}) as at, i % 3 as v from range(40) r(i)"
        )
        columns = connection.execute("select column_name, column_type from (describe t)").fetchall()
        part = part_of(spec, "2024-03-28..2024-04-06")
        found = {
            key: (rows, version)
            for key, rows, version in connection.execute(partitioned_content_query("t", columns, part, "duckdb")).fetchall()
        }
        for one in part:
            condition = where(conditions_of(one.alone, columns), "duckdb")
            expected = connection.execute(content_query(f"(select * from t where {condition})", columns)).fetchone()
            assert expected is not None
            assert found.get(one.key, (0, expected[1])) == (expected[0], expected[1])
        assert (
            sum(rows for rows, _ in found.values())
            == connection.execute(f"select count(*) from t where {where(conditions_of(part, columns), 'duckdb')}").fetchone()[0]
        )  # type: ignore[index]


def test_only_some_columns_count_where_they_are_named() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t as select date '2024-03-02' as at, 1 as v, 2 as w")
        columns = [("at", "DATE"), ("v", "INTEGER"), ("w", "INTEGER")]
        query = partitioned_content_query("t", columns, part_of(days(), "2024-03-02..2024-03-03"), "duckdb", {"v"})
        before = connection.execute(query).fetchall()
        connection.execute("update t set w = 3")
        assert connection.execute(query).fetchall() == before
        connection.execute("update t set v = 3")
        assert connection.execute(query).fetchall() != before


def test_days_of_rows_are_counted_as_python_counts_them() -> None:
    moments = [datetime(2024, 3, 1) + timedelta(hours=7 * number) for number in range(100)]
    with duckdb.connect() as connection:
        connection.execute('create table t ("at" timestamp)')
        connection.executemany("insert into t values (?)", [(moment,) for moment in moments])
        part = part_of(days(), "2024-03-01..2024-03-31")
        found = connection.execute(partitioned_content_query("t", [("at", "TIMESTAMP")], part, "duckdb")).fetchall()
    assert {key: rows for key, rows, _ in found} == Counter(f"{moment:%Y-%m-%d}" for moment in moments if moment < datetime(2024, 4, 1))
