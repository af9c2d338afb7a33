"""What builds measure: the version that content has anyway, exact counts, and nothing invented for types that cannot be measured."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.dimensions import StaticDimension, TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.metrics import ColumnMetric, Level, Measured, Metrics
from penstock.assets.names import quote
from penstock.assets.partitions import PartitionSpec
from penstock.compiler.content import content_query
from penstock.compiler.metrics import measure_partitions_query, measure_query, partition_quantiles_query, quantiles_query
from penstock.compiler.slices import partitioned_content_query
from penstock.errors import WarehouseError
from penstock.state.metrics import measure, measure_partitions
from penstock.state.store import Statements
from penstock.warehouse.duckdb import DuckDBWarehouse

NOON = datetime(2024, 1, 10, 12)
FULL = Metrics(Level.FULL)
TYPES = [
    ("double", "'nan'::double"), ("float", "'inf'::float"), ("hugeint", "1::hugeint"), ("uhugeint", "1::uhugeint"), ("bignum", "1::bignum"),
    ("bit", "'101'::bit"), ("blob", "'\\xFF'::blob"), ("interval", "interval 1 month"), ("time", "time '10:00'"), ("uuid", "'00000000-0000-0000-0000-000000000001'::uuid"),
    ("enum", "'a'::enum('b', 'a')"), ("json", "'{}'::json"), ("struct", "{'a': 1}"), ("list", "[1]"), ("map", "map(['a'], [1])"),
    ("array", "[1, 2]::int[2]"), ("union", "union_value(k := 1)"), ("bool", "true"), ("zoned", "timestamptz '2024-01-01 00:00:00+02'"),
    ("date", "'infinity'::date"), ("timestamp", "'-infinity'::timestamp"), ("null", "null"), ("decimal", "1::decimal(38, 10)"),
    ("ns", "timestamp_ns '2024-01-01 00:00:00.000000001'"), ("variant", "1::variant"), ("text", "repeat('é', 1000)"),
]  # fmt: skip


@pytest.fixture(scope="module")
def sql() -> Statements:
    return Statements(DuckDBWarehouse.in_memory().connect(), "penstock")


def look(sql: Statements, query: str, metrics: Metrics = FULL) -> Measured:
    relation = f"({query})"
    return measure(sql, relation, sql.run("describe", relation=relation), metrics)


def column(sql: Statements, values: str, metrics: Metrics = FULL) -> ColumnMetric:
    """Measure one column `c` of the values that SQL gives."""
    return look(sql, f"select unnest({values}) as c", metrics).columns[0]


def test_all_is_measured_of_numbers(sql: Statements) -> None:
    found = column(sql, "range(1, 102)")
    assert found == ColumnMetric("c", "1", "101", found.distinct_count, (6.0, 26.0, 51.0, 76.0, 96.0))
    assert found.distinct_count == pytest.approx(101, rel=0.1)


def test_quantiles_of_many_rows_are_those_of_a_sample(sql: Statements) -> None:
    sql.connection.execute("create or replace temp table many as select range as c from range(300000)")
    found = measure(sql, "many", [("c", "BIGINT")], FULL).columns[0]
    assert found.quantiles == pytest.approx([share * 300000 for share in (0.05, 0.25, 0.5, 0.75, 0.95)], abs=9000)
    assert found.distinct_count == pytest.approx(300000, rel=0.1)
    assert "bernoulli(6.666667%)" in quantiles_query("many", [("c", "BIGINT")], FULL, 300000)
    assert "bernoulli" not in quantiles_query("many", [("c", "BIGINT")], FULL, 20000)


def test_times_have_quantiles_in_seconds_and_instants_are_written_in_utc(sql: Statements) -> None:
    sql.connection.execute("set timezone = 'Asia/Tokyo'")
    zoned = column(sql, "[timestamptz '2024-01-01 00:00:00+02', timestamptz '2024-01-02 00:00:00+02', null]")
    local = column(sql, "[timestamp '2023-12-31 22:00:00', timestamp '2024-01-01 22:00:00', null]")
    sql.connection.execute("reset timezone")
    assert (zoned.smallest, zoned.largest) == ("2023-12-31 22:00:00+00", "2024-01-01 22:00:00+00")
    assert (local.smallest, local.largest) == ("2023-12-31 22:00:00", "2024-01-01 22:00:00")
    assert zoned.quantiles == local.quantiles
    assert local.quantiles is not None
    assert local.quantiles[0] == datetime.fromisoformat("2023-12-31T22:00:00+00:00").timestamp()


def test_what_has_no_order_is_left_out_of_extremes_and_quantiles(sql: Statements) -> None:
    assert column(sql, "['nan'::double, 1.5, null, -2]").smallest == "-2.0"
    assert column(sql, "['nan'::double, 1.5, null, -2]").largest == "1.5"
    assert column(sql, "['inf'::double, 1.5]").largest == "inf"
    assert column(sql, "['inf'::double, 1.5]").quantiles == (1.5,) * 5
    assert column(sql, "['nan'::double]") == ColumnMetric("c", None, None, 1, None)
    assert column(sql, "['infinity'::timestamp, timestamp '2024-01-01']").largest == "2024-01-01 00:00:00"
    assert column(sql, "['infinity'::date]").quantiles is None


@pytest.mark.parametrize(("kind", "value"), [pytest.param(*one, id=one[0]) for one in TYPES])
def test_every_type_is_measured_as_far_as_it_can_be(sql: Statements, kind: str, value: str) -> None:
    relation = f"(select {value} as c union all select null)"
    columns = sql.run("describe", relation=relation)
    found = measure(sql, relation, columns, FULL)
    assert found.rows == 2
    assert found.nulls == (2 if kind == "null" else 1,)
    unmeasured = {"bit", "blob", "interval", "json", "struct", "list", "map", "array", "union", "null", "variant"}
    assert (found.columns[0].distinct_count is None) == (kind in unmeasured)
    assert found.version == sql.connection.execute(content_query(relation, columns))[0][1]


def test_long_texts_are_cut(sql: Statements) -> None:
    assert column(sql, "[repeat('é', 1000)]").largest == "é" * 200


def test_masked_columns_keep_no_values(sql: Statements) -> None:
    found = look(sql, 'select 7 as "E-Mail", 8 as id', Metrics(Level.FULL, frozenset({"e-mail"})))
    assert found.columns[0] == ColumnMetric("E-Mail", None, None, 1, None)
    assert found.columns[1].smallest == "8"
    assert {one.smallest for one in look(sql, "select 7 as a, 8 as b", Metrics(Level.FULL, None)).columns} == {None}


def test_light_counts_nulls_and_off_does_not(sql: Statements) -> None:
    query = "select null as a, 1 as b union all select 2, 2"
    light, off = look(sql, query, Metrics(Level.LIGHT)), look(sql, query, Metrics(Level.OFF))
    assert (light.rows, light.nulls, light.columns) == (2, (1, 0), ())
    assert (off.rows, off.nulls, off.columns) == (2, (), ())
    assert light.version == off.version == look(sql, query).version


def test_no_rows_have_no_values(sql: Statements) -> None:
    found = look(sql, "select 1 as a, 'x' as b where false")
    assert (found.rows, found.nulls) == (0, (0, 0))
    assert found.columns == (ColumnMetric("a", None, None, 0, None), ColumnMetric("b", None, None, 0, None))


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(names=st.lists(st.one_of(st.sampled_from(['a"b', "count(*)", "a.b", "*", "'; --", "rows"]), names), min_size=1, max_size=4))
def test_no_name_breaks_out_of_its_place(sql: Statements, names: list[str]) -> None:
    unique = list({name.lower(): name for name in names}.values())
    query = f"select {', '.join(f'{place} as {quote(name)}' for place, name in enumerate(unique))}"
    found = look(sql, query)
    assert [(one.column, one.smallest) for one in found.columns] == [(name, str(place)) for place, name in enumerate(unique)]


DAYS = PartitionSpec((TimeDimension("day", Grain.DAY, "2024-01-01"),))
ROWS = (
    "(select timestamp '2024-01-01' + to_hours(i * 5) as day, if(i % 3 = 0, null, i) as n, 'r' || i % 2 as region from range(24) as r(i))"
)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("days", ["2024-01-02", "2024-01-01..2024-01-09"])
def test_each_partition_is_measured_as_if_it_were_alone(sql: Statements, level: Level, days: str) -> None:
    columns = sql.run("describe", relation=ROWS)
    (part,) = DAYS.parse(days, NOON).ranges()
    found = measure_partitions(sql, ROWS, columns, part, Metrics(level), "duckdb")
    assert list(found) == [one.key for one in part]
    for key, each in found.items():
        alone = measure(sql, f"(select * from {ROWS} where day::date = '{key}')", columns, Metrics(level))
        assert (each.rows, each.version) == (alone.rows, alone.version)
        if each.rows:
            assert (each.nulls, each.columns) == (alone.nulls, alone.columns)


def test_large_partitions_are_sampled_each_as_much_as_the_others(sql: Statements) -> None:
    sql.connection.execute(
        "create or replace temp table steady as select date '2024-01-01' + (i % 2)::int as day, i from range(60000) as r(i)"
    )
    columns = sql.run("describe", relation="steady")
    (part,) = DAYS.parse("2024-01-01..2024-01-02", NOON).ranges()
    assert "bernoulli(66.666667%)" in partition_quantiles_query("steady", columns, part, FULL, "duckdb", 60000)
    found = measure_partitions(sql, "steady", columns, part, FULL, "duckdb")
    for one in found.values():
        assert one.columns[1].quantiles == pytest.approx([3000, 15000, 30000, 45000, 57000], abs=2000)


def test_partitions_of_listed_values_are_measured_too(sql: Statements) -> None:
    spec = PartitionSpec((*DAYS.dimensions, StaticDimension("region", ("r0", "r1"))))
    columns = sql.run("describe", relation=ROWS)
    part = next(iter(spec.parse("day=2024-01-01..2024-01-03,region=r1", NOON).ranges()))
    rows = sql.connection.execute(partitioned_content_query(ROWS, columns, part, "duckdb"))
    found = measure_partitions(sql, ROWS, columns, part, FULL, "duckdb")
    assert {(key, one.rows, one.version) for key, one in found.items()} == set(rows)


def test_partitions_of_a_column_that_is_not_there_are_refused(sql: Statements) -> None:
    part = next(iter(DAYS.parse("2024-01-01..2024-01-02", NOON).ranges()))
    with pytest.raises(WarehouseError, match="have no column `day`"):
        measure_partitions_query("t", [("n", "BIGINT")], part, FULL, "duckdb")


def test_light_adds_nothing_but_counts_to_the_scan() -> None:
    columns: list[Any] = [("a", "BIGINT"), ("b", "VARCHAR")]
    assert measure_query("t", columns, Metrics()).endswith(', [count("a"), count("b")] from t')
