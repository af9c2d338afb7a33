"""High-water marks are text that keeps every value, and typed wherever they are compared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.compiler.cursor import can_look_back, earlier_mark, highest_mark, initial_type, mark_itself, with_typed_cursor
from penstock.errors import WarehouseError
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse


@pytest.fixture
def connection() -> Iterator[DuckDBConnection]:
    warehouse = DuckDBWarehouse.in_memory()
    connection = warehouse.connect()
    connection.execute("set timezone = 'America/New_York'")
    yield connection
    warehouse.close()


@pytest.mark.parametrize(
    ("sql", "typed"),
    [
        ("a > $cursor", "a > cast($cursor as DATE)"),
        ("$Cursor <= a and b > $CURSOR", "cast($cursor as DATE) <= a and b > cast($cursor as DATE)"),
        ("'$cursor' -- $cursor", "'$cursor' -- $cursor"),
        ("/* $cursor /* $cursor */ */ $run_id, $cursors", "/* $cursor /* $cursor */ */ $run_id, $cursors"),
        ("$cursor::timestamp", "cast($cursor as DATE)::timestamp"),
    ],
)
def test_only_the_placeholder_gets_a_type(sql: str, typed: str) -> None:
    assert with_typed_cursor(sql, "DATE") == typed


@pytest.mark.parametrize(
    ("initial", "kind"),
    [
        (0, "BIGINT"), (-3, "BIGINT"), (0.5, "DOUBLE"), ("1970-01-01", "DATE"), ("1970-01-01 00:00", "TIMESTAMP"), ("1970-01-01T00:00:00.5", "TIMESTAMP"),
        ("1970-01-01T00:00:00Z", "TIMESTAMP WITH TIME ZONE"), ("1970-01-01 00:00:00+02:00", "TIMESTAMP WITH TIME ZONE"), ("0", "VARCHAR"), ("a", "VARCHAR"),
    ],
)  # fmt: skip
def test_a_first_mark_is_of_the_type_it_looks_like(initial: str | float, kind: str) -> None:
    assert initial_type(initial) == kind


VALUES = {
    "TIMESTAMP": ("0001-01-01 00:00:00", "2024-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999"),
    "TIMESTAMP WITH TIME ZONE": ("1883-11-18 12:00:00.1+00", "2024-11-03 05:30:00.000001+00", "2024-11-03 06:30:00+00"),
    "TIMESTAMP_NS": ("2024-01-01 00:00:00.123456788", "2024-01-01 00:00:00.123456789"),
    "DATE": ("0044-03-15 (BC)", "2024-02-29", "5877642-06-25 (BC)"),
    "BIGINT": ("-9223372036854775808", "9223372036854775807"),
    "UBIGINT": ("18446744073709551615",),
    "DOUBLE": ("1e-323", "-0.0", "1.7976931348623157e308", "0.1"),
    "DECIMAL(38,0)": ("99999999999999999999999999999999999999",),
    "VARCHAR": ("", " ", "it's", "ü\n"),
    "UUID": ("018e0000-0000-7000-8000-000000000001",),
    "BLOB": ("\\x00\\xFF'",),
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in VALUES.items() for value in values])
def test_a_mark_is_the_value_again(connection: DuckDBConnection, kind: str, value: str) -> None:
    connection.execute(f"create table t (c {kind})")
    connection.execute(f"insert into t select cast($value as {kind})", {"value": value})
    mark = connection.execute(highest_mark("t", "c", kind), {"mark": None})[0][0]
    assert isinstance(mark, str)
    assert connection.execute(with_typed_cursor("select count(*) from t where c = $cursor", kind), {"cursor": mark}) == [(1,)]
    assert connection.execute(mark_itself(kind), {"mark": mark}) == [(mark,)]


def test_a_mark_never_goes_back_and_passes_over_what_is_no_mark(connection: DuckDBConnection) -> None:
    connection.execute("""create table t as select * from (values (1.5::double), ('nan'), ('infinity'), (null)) as r("a ""b")""")
    assert connection.execute(highest_mark("t", 'a "b', "DOUBLE"), {"mark": None}) == [("1.5",)]
    assert connection.execute(highest_mark("t", 'a "b', "DOUBLE"), {"mark": "2.5"}) == [("2.5",)]
    assert connection.execute(highest_mark("t where false", 'a "b', "DOUBLE"), {"mark": "2.5"}) == [("2.5",)]
    assert connection.execute(highest_mark("t where false", 'a "b', "DOUBLE"), {"mark": None}) == [(None,)]
    connection.execute("create table moments as select unnest([timestamp 'infinity', timestamp '2024-01-01']) as m")
    assert connection.execute(highest_mark("moments", "m", "TIMESTAMP"), {"mark": None}) == [("2024-01-01 00:00:00",)]


def test_numbers_are_compared_as_numbers(connection: DuckDBConnection) -> None:
    connection.execute("create table t as select 9 as a")
    assert connection.execute(highest_mark("t", "a", "INTEGER"), {"mark": "10"}) == [("10",)]


@pytest.mark.parametrize(
    ("kind", "mark", "seconds", "earlier"),
    [
        ("TIMESTAMP", "2024-01-01 00:05:00.5", 600, "2023-12-31 23:55:00.5"),
        ("DATE", "2024-01-02", 600, "2024-01-01"),
        ("DATE", "2024-01-02", 86400, "2024-01-01"),
        ("DATE", "1969-01-02", 86401, "1968-12-31"),
        ("TIMESTAMP WITH TIME ZONE", "2024-11-03 06:30:00+00", 5400, "2024-11-03 05:00:00+00"),
    ],
)  # fmt: skip
def test_an_earlier_mark_is_that_much_earlier_or_the_day_in_which_it_lies(
    connection: DuckDBConnection, kind: str, mark: str, seconds: int, earlier: str
) -> None:
    assert can_look_back(kind)
    assert connection.execute(earlier_mark(kind), {"mark": mark, "microseconds": seconds * 1_000_000}) == [(earlier,)]


@pytest.mark.parametrize("kind", ["BIGINT", "VARCHAR", "TIME", "DOUBLE", "DATE[]", "STRUCT(a DATE)"])
def test_a_duration_cannot_be_taken_off_what_is_no_time(kind: str) -> None:
    assert not can_look_back(kind)


def test_what_is_no_value_of_a_type_is_refused(connection: DuckDBConnection) -> None:
    with pytest.raises(WarehouseError, match="soon"):
        connection.execute(mark_itself("DATE"), {"mark": "soon"})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-(2**40), 2**40).map(float)), max_size=8))
def test_the_highest_mark_over_batches_is_that_over_all(values: list[float | None]) -> None:
    warehouse = DuckDBWarehouse.in_memory()
    connection = warehouse.connect()
    mark = None
    for value in values:
        rows = connection.execute(highest_mark("(select cast($value as double) as c)", "c", "DOUBLE"), {"mark": mark, "value": value})
        mark = rows[0][0]
    whole = connection.execute(highest_mark("(select unnest($values::double[]) as c)", "c", "DOUBLE"), {"mark": None, "values": values})[0][
        0
    ]
    warehouse.close()
    assert (mark is None) == (whole is None)
    assert mark is None or float(mark) == float(whole)
