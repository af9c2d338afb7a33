"""The version of what a relation holds: made in two ways, it is the same; and it changes with everything a query can tell apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from penstock.assets.names import quote
from penstock.assets.records import schema_part
from penstock.compiler.content import content_query
from penstock.warehouse.duckdb import DuckDBWarehouse
from penstock.warehouse.protocol import Connection
from recorded_content import recorded, version

COLUMNS = [
    "true::boolean", "1::tinyint", "1::usmallint", "1::integer", "9223372036854775807::bigint", "18446744073709551615::ubigint",
    "170141183460469231731687303715884105727::hugeint", "340282366920938463463374607431768211455::uhugeint", "1.5::float", "-0.0::double",
    "'nan'::double", "'-inf'::double", "1.10::decimal(4, 2)", "12345678901234567890123456789.123456789::decimal(38, 9)",
    "'it''s \\ \"☃\"'", "''", "'\\x00\\xFF'::blob", "'101'::bit", "date '2024-02-29'", "'infinity'::date", "time '12:00:00.000001'",
    "'12:00:00+02'::timetz", "timestamp '2024-02-29 12:00'", "'2024-02-29 12:00:00.123456789'::timestamp_ns",
    "'2024-02-29 12:00+05:30'::timestamptz", "interval '1 month 2 days'", "gen.u", "'b'::mood", "'[1, {\"a\": null}]'::json",
    "[1, null, 3]", "[]::integer[]", "[[1], null]::integer[][]", "[1, 2, 3]::integer[3]", "{'a': 1, 'b': 'x'}", "{'a b': [-0.0]}",
    "map {'k': 1.5}", "map {'a b': interval '1 day'}", "union_value(n := 1)", "[{'f': [-0.0::float]}]", "null::integer", "null::double",
    "null::interval", "null::varchar[]", "1::small", "-0.0::measure", "[1.5]::measures", "1.5::measure",
]  # fmt: skip
NAMES = [
    "a",
    "A b",
    'q"uoted',
    "it's",
    "$x",
    "{relation}",
    "{state}",
    "select",
    "é☃",
    "a.b",
    "--",
    ";",
    "columns(*)",
    "rows",
    " ",
    "\\",
    "%s",
    "?",
]
DIFFERENT = [
    ("0.0::double", "-0.0::double"), ("0.0::float", "-0.0::float"), ("0.0::measure", "-0.0::measure"), ("[0.0::double]", "[-0.0::double]"),
    ("[0.0::double]::measures", "[-0.0::double]::measures"), ("{'a': 0.0::double}", "{'a': -0.0::double}"),
    ("map {'a': 0.0::double}", "map {'a': -0.0::double}"), ("[[{'a': [0.0::float]}]]", "[[{'a': [-0.0::float]}]]"),
    ("union_value(d := 0.0::double)", "union_value(d := -0.0::double)"), ("[0.0::double, 1]::double[2]", "[-0.0::double, 1]::double[2]"),
    ("interval '1 month'", "interval '30 days'"), ("interval '1 day'", "interval '24 hours'"), ("[interval '1 day']", "[interval '24 hours']"),
    ("{'i': interval '1 month'}", "{'i': interval '30 days'}"), ("null::integer", "0"), ("null::varchar", "''"), ("null::varchar", "'NULL'"),
    ("[]::integer[]", "null::integer[]"), ("[null]::integer[]", "[]::integer[]"), ("['a, b']", "['a', 'b']"), ("'a'", "'a '"), ("'a'", "'A'"),
    ("'é'", "'e\u0301'"), ("1::bigint", "1::integer"), ("1::decimal(4, 1)", "1::decimal(4, 2)"), ("'2024-01-01'", "date '2024-01-01'"),
    ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"), ("'nan'::double", "'inf'::double"), ("'12:00:00+02'::timetz", "'10:00:00+00'::timetz"),
    ("'2024-01-01 12:00+02'::timestamptz", "'2024-01-01 12:00+00'::timestamptz"), ("'a'::mood", "'b'::mood"), ("'a'::mood", "'a'"),
    ("'0001'::bit", "'1'::bit"), ("'a'::blob", "'a\\x00'::blob"), ("map {'a': 1, 'b': 2}", "map {'b': 2, 'a': 1}"),
    ("'[1,2]'::json", "'[1, 2]'::json"),
]  # fmt: skip


@pytest.fixture
def connection() -> Iterator[Connection]:
    warehouse = DuckDBWarehouse.in_memory()
    made = warehouse.connect()
    for name, kind in (("mood", "enum ('a', 'b')"), ("small", "tinyint"), ("measure", "double"), ("measures", "measure[]")):
        made.execute(f"create type {name} as {kind}")
    made.execute("create table gen as select '00000000-0000-0000-0000-000000000001'::uuid as u")
    yield made
    warehouse.close()


def made(connection: Connection, value: str) -> str:
    """The version of a table of one value and a NULL of its type."""
    connection.execute(f"create or replace table t as select {value} as v from gen")
    connection.execute("insert into t values (null)")
    return version(connection, "t")


@pytest.mark.parametrize("value", COLUMNS)
def test_the_version_is_the_one_that_dbts_hook_records(connection: Connection, value: str) -> None:
    assert made(connection, value) == recorded(connection, "t")
    connection.execute("delete from t")
    assert version(connection, "t") == recorded(connection, "t")


def test_the_version_of_many_columns_is_the_one_that_dbts_hook_records(connection: Connection) -> None:
    connection.execute(f"create table t as select {', '.join(f'{value} as c{number}' for number, value in enumerate(COLUMNS))} from gen")
    assert version(connection, "t") == recorded(connection, "t")


def test_odd_names_of_columns_and_tables_are_quoted(connection: Connection) -> None:
    listed = ", ".join(f"{number} as {quote(name)}" for number, name in enumerate(NAMES))
    for name in NAMES:
        connection.execute(f"create table {quote(name)} as select {listed}")
        assert version(connection, name) == recorded(connection, name)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_values_that_a_query_can_tell_apart_have_versions_of_their_own(connection: Connection, one: str, other: str) -> None:
    assert made(connection, one) != made(connection, other)
    connection.execute(f"create or replace table t as select {one} as v from gen")
    by_hook = recorded(connection, "t")
    connection.execute(f"create or replace table t as select {other} as v from gen")
    assert recorded(connection, "t") != by_hook


def test_equal_bags_have_equal_versions_whatever_their_order(connection: Connection) -> None:
    connection.execute("create table one as select i % 7 as a, i % 3 as b from range(100) as r(i)")
    connection.execute("create table other as select * from one order by b desc, a")
    assert version(connection, "one") == version(connection, "other")
    connection.execute("insert into other select * from other limit 1")
    assert version(connection, "one") != version(connection, "other")


@pytest.mark.parametrize(
    "other",
    [
        "(1, 'x'), (2, null)", "(1, 'x'), (2, null), (2, 'y')", "(1, null), (2, 'x'), (2, null)", "(1, 'x'), (2, null), (2, null), (2, null)",
        "(1, 'x'), (2, ''), (2, '')", "(2, 'x'), (1, null), (2, null)",
    ],
)  # fmt: skip
def test_values_that_change_partners_are_noticed(connection: Connection, other: str) -> None:
    for name, values in (("one", "(1, 'x'), (2, null), (2, null)"), ("other", other)):
        connection.execute(f"create table {name} as select * from (values {values}) as t (i, s)")
    assert version(connection, "one") != version(connection, "other")


def test_an_empty_table_has_a_version_of_its_columns(connection: Connection) -> None:
    for name, columns in (
        ("one", "1 as i"),
        ("same", "2 as i"),
        ("named", "1 as j"),
        ("typed", "1::bigint as i"),
        ("more", "1 as i, 1 as j"),
    ):
        connection.execute(f"create table {name} as select {columns} where false")
    versions = {name: version(connection, name) for name in ("one", "same", "named", "typed", "more")}
    assert versions["one"].startswith("rows:0:0:")
    assert versions["one"] == versions["same"]
    assert len(set(versions.values())) == 4


def test_columns_in_another_order_are_another_version(connection: Connection) -> None:
    connection.execute("create table one as select 1 as a, 1 as b")
    connection.execute("create table other as select 1 as b, 1 as a")
    assert version(connection, "one") != version(connection, "other")
    assert schema_part(version(connection, "one")) != schema_part(version(connection, "other"))


def projected(connection: Connection, query: str, *columns: str) -> str:
    connection.execute(f"create or replace table t as {query}")
    described = connection.execute("select column_name, column_type from (describe t)")
    return str(connection.execute(content_query("t", described, [columns]))[0][2])


def test_a_projection_holds_the_named_columns_alone(connection: Connection) -> None:
    rows = "select * from (values (1, 'x', 0.5), (2, 'y', 0.5)) as t (i, S, d)"
    assert projected(connection, rows, "i", "s") == projected(connection, rows.replace("0.5", "0.7"), "i", "s")
    assert projected(connection, rows, "i", "s") == projected(connection, f"select *, 7 as more from ({rows})", "i", "s")
    assert projected(connection, rows, "i", "s") == version_of(connection, f"select i, S from ({rows})")
    assert projected(connection, rows, "d") != projected(connection, rows.replace("0.5", "-0.5"), "d")


def version_of(connection: Connection, query: str) -> str:
    connection.execute(f"create or replace table p as {query}")
    return version(connection, "p")


def test_a_projection_notices_values_that_change_partners_within_it(connection: Connection) -> None:
    one, other = (f"select * from (values (1, {a}, 5), (2, {b}, 5)) as t (i, s, d)" for a, b in (("'x'", "'y'"), ("'y'", "'x'")))
    assert projected(connection, one, "i", "s") != projected(connection, other, "i", "s")
    assert projected(connection, one, "i", "d") == projected(connection, other, "i", "d")
    assert projected(connection, one, "s", "d") == projected(connection, other, "s", "d")


def test_a_projection_of_no_columns_is_the_number_of_rows(connection: Connection) -> None:
    assert projected(connection, "select 1 as a") == projected(connection, "select 'x' as b") != projected(connection, "from range(2)")


def test_a_column_that_appears_or_goes_changes_the_projections_that_name_it(connection: Connection) -> None:
    assert projected(connection, "select 1 as a", "a", "gone") == projected(connection, "select 1 as a", "a")
    assert projected(connection, "select 1 as a, null::integer as gone", "a", "gone") != projected(connection, "select 1 as a", "a", "gone")


def test_a_column_of_another_type_is_another_projection(connection: Connection) -> None:
    assert projected(connection, "select 1 as a", "a") != projected(connection, "select 1::bigint as a", "a")
