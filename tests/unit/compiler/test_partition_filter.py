"""A slice of a query: the filter stands around it, and is moved to the tables where that is surely the same."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from penstock.compiler.partition_filter import Bound, Condition, Equals, filtered

CASES_FILE = Path(__file__).parents[2] / "cases" / "pushdown" / "places.txt"
_PLACE = re.compile(r"\(select \* from (\S+) as \S+ where ")
JANUARY = Bound("day", date(2024, 1, 2), date(2024, 1, 4))
JANUARY_1 = Bound("day_1", date(2024, 1, 2), date(2024, 1, 4))


def blocks() -> list[tuple[str, str]]:
    parts = [part.split("\n", 1) for part in CASES_FILE.read_text(encoding="utf-8").split("\n== ")[1:]]
    return [(title.strip(), body.strip()) for title, body in parts]


CASES = [pytest.param(title.rsplit(": ", 1)[1].split(), sql, id=title) for title, sql in blocks()]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    """Tables in which every filter and every join finds something, and NULLs."""
    made = duckdb.connect()
    days = "[date '2024-01-01', date '2024-01-02', date '2024-01-03', null]"
    for name, last, kind in (("t", "v", "date"), ("u", "w", "date"), ("e", "x", "timestamp")):
        made.execute(
            f"create table {name} as select ({days})[1 + i % 4]::{kind} as day, ['a', 'b', null][1 + i % 3] as region, "
            f"i % 5 as k, i as {last} from range(17) as r(i)"
        )
    made.execute("create table m as select i as k, 'n' || i as name from range(5) as r(i)")
    return made


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[object], list[str]]:
    found = connection.execute(sql)
    return [column[:2] for column in found.description or ()], sorted(map(repr, found.fetchall()))


def tables(sql: str) -> list[str]:
    return sorted(name.split(".")[-1].strip('"') for name in _PLACE.findall(sql))


def test_there_are_enough_cases() -> None:
    assert len(CASES) > 90


@pytest.mark.parametrize(("expected", "sql"), CASES)
def test_a_filter_goes_to_the_tables_that_the_case_names(expected: list[str], sql: str) -> None:
    assert tables(filtered(sql, [JANUARY], "duckdb")) == sorted(expected if expected != ["nothing"] else [])


@pytest.mark.parametrize(("expected", "sql"), CASES)
def test_a_slice_of_a_case_has_the_rows_of_the_filter_around_it(
    connection: duckdb.DuckDBPyConnection, expected: list[str], sql: str
) -> None:
    around = "select * from (\n{}\n) as x where day >= date '2024-01-02' and day < date '2024-01-04'"
    try:
        wanted = rows(connection, around.format(sql))
    except (duckdb.BinderException, duckdb.ParserException):
        assert expected == ["nothing"], "DuckDB refuses the query"
        return
    assert rows(connection, filtered(sql, [JANUARY], "duckdb")) == wanted


def test_the_text_of_a_query_stays_but_for_the_tables() -> None:
    sql = "/* a */ select DAY,  v -- the end of t\nfrom main . t\nwhere v>1 -- t"
    assert filtered(sql, [JANUARY], "duckdb") == (
        "select * from (\n/* a */ select DAY,  v -- the end of t\n"
        """from (select * from main . t as "t" where "day" >= CAST('2024-01-02' AS DATE) and "day" < CAST('2024-01-04' AS DATE)) as "t"\n"""
        "where v>1 -- t\n"
        """) as "penstock_slice" where "day" >= CAST('2024-01-02' AS DATE) and "day" < CAST('2024-01-04' AS DATE)"""
    )


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize(
    "sql",
    [
        "select day from",
        "select (((",
        "",
        "pivot t on region",
        "select 'unended",
        "select " + "(" * 5000 + "1",
        " union all ".join(["select day from t"] * 3000),
    ],
)
def test_what_cannot_be_read_is_filtered_from_around(sql: str, dialect: str) -> None:
    assert filtered(sql, [Equals("day", "x")], dialect) == f"""select * from (\n{sql}\n) as "penstock_slice" where "day" = 'x'"""


def test_other_dialects_are_filtered_from_around() -> None:
    assert not tables(filtered("select day from t", [JANUARY], "postgres"))


def test_without_conditions_a_query_is_its_own_slice() -> None:
    assert filtered("select 1", [], "duckdb") == "select 1"


def test_each_condition_goes_as_far_as_it_can() -> None:
    sql = "select day, region, count(*) over (partition by day) as n from t"
    pushed = filtered(sql, [JANUARY, Equals("region", "a")], "duckdb")
    inside, around = pushed.split("penstock_slice")
    assert "region" not in inside.split("where")[1]
    assert '"day"' in inside and '"day"' in around and "\"region\" = 'a'" in around


@pytest.mark.parametrize(
    ("sql", "condition"),
    [
        ("select *, v as x, v + 1 as x from t", Equals("x_1", 6)),
        ("select *, day from t", Equals("day_1", date(2024, 1, 2))),
        ("select a.*, b.day from (select day, v from t) as a join (select day, k from u) as b on a.v = b.k", JANUARY_1),
    ],
)
def test_a_second_column_of_a_name_is_no_column_of_a_table(connection: duckdb.DuckDBPyConnection, sql: str, condition: Condition) -> None:
    pushed = filtered(sql, [condition], "duckdb")
    assert not tables(pushed)
    assert rows(connection, pushed)[1]


def test_two_conditions_on_one_table_stand_together(connection: duckdb.DuckDBPyConnection) -> None:
    pushed = filtered("select x.day, x.region, v from t as x", [Equals("REGION", "a"), JANUARY], "duckdb")
    assert len(tables(pushed)) == 1
    assert '"x"."region" = \'a\'' in pushed and '"x"."day" >= ' in pushed
    assert rows(connection, pushed) == rows(connection, "from (select day, region, v from t) where region = 'a' and day >= '2024-01-02'")


VALUES: list[tuple[str, Condition]] = [
    ("date '2024-01-01'", Equals("x", date(2024, 1, 1))),
    ("timestamp '2024-01-01 05:00:00.000001'", Equals("x", datetime(2024, 1, 1, 5, microsecond=1))),
    ("timestamptz '2024-01-01 05:00:00+00'", Equals("x", datetime(2024, 1, 1, 5, tzinfo=UTC))),
    ("'it''s \\ \" $1'", Equals("x", "it's \\ \" $1")),
    ("-3", Equals("x", -3)),
    ("1.5::double", Equals("x", 1.5)),
    ("1.50", Equals("x", Decimal("1.50"))),
    ("true", Equals("x", True)),
    ("5", Bound("x", 5, 6)),
]


@pytest.mark.parametrize(("literal", "condition"), VALUES)
def test_a_value_of_each_type_finds_its_rows(connection: duckdb.DuckDBPyConnection, literal: str, condition: Condition) -> None:
    connection.execute(f"create or replace temp table one as select {literal} as x union all select null")
    assert connection.execute(filtered("select x from one", [condition], "duckdb")).fetchall() == connection.execute(
        f"select {literal}"
    ).fetchall()  # fmt: skip


@pytest.mark.parametrize("value", [date(2024, 1, 1), datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), "a", 5, 1.5])
def test_nulls_are_in_no_slice(connection: duckdb.DuckDBPyConnection, value: object) -> None:
    connection.execute("create or replace temp table none_ as select null as x")
    assert connection.execute(filtered("select x from none_", [Equals("x", value)], "duckdb")).fetchall() == []  # type: ignore[arg-type]


MIXED = [
    # a set operation makes one type of two; each side would compare in its own
    ("select 5 as x", "select '10' as x", Bound("x", "10", "6")),
    ("select date '2024-01-01' as x", "select 'b' as x", Bound("x", "2", "3")),
    ("select timestamp '2024-01-01 05:00' as x", "select date '2024-01-02' as x", Equals("x", date(2024, 1, 1))),
    ("select timestamp '2024-01-01 05:00' as x", "select date '2024-01-02' as x", Bound("x", date(2024, 1, 1), date(2024, 1, 2))),
    (
        "select date '2024-01-01' as x",
        "select timestamp '2024-01-02 05:00' as x",
        Bound("x", datetime(2024, 1, 1), datetime(2024, 1, 2, 6)),
    ),
    ("select 5 as x", "select 5.5 as x", Bound("x", 5, 6)),
]


@pytest.mark.parametrize(
    "sql",
    [
        "select x from one union all select x from other",
        "select x from other union all select x from one",
        "with a as (select x from one), b as (select x from other) (select x from a union select x from b) union all from a",
    ],
)
@pytest.mark.parametrize(("one", "other", "condition"), MIXED)
def test_branches_of_two_types_are_compared_as_one(
    connection: duckdb.DuckDBPyConnection, one: str, other: str, condition: Condition, sql: str
) -> None:
    connection.execute(f"create or replace temp table one as {one}; create or replace temp table other as {other}")
    connection.execute(f"create or replace temp table both_ as {sql}")
    assert rows(connection, filtered(sql, [condition], "duckdb")) == rows(
        connection, filtered("select x from both_", [condition], "duckdb")
    )


def test_a_branch_of_the_values_type_is_read_in_part(connection: duckdb.DuckDBPyConnection) -> None:
    pushed = filtered("select day, region, k from t union all select day, region, k from u", [JANUARY, Equals("region", "a")], "duckdb")
    ((_, plan),) = connection.execute(f"explain {pushed}").fetchall()
    squeezed = re.sub(r"[^\w>='-]", "", plan)
    assert squeezed.count("day>='2024-01-02'") == 2 and squeezed.count("region='a'") == 2
    assert "typeof" not in plan


def test_a_file_is_no_table(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"copy t to '{tmp_path}/t.csv'")
    for name in (f"'{tmp_path}/t.csv'", f'"{tmp_path}/t.csv"'):
        pushed = filtered(f"select day from {name}", [JANUARY], "duckdb")
        assert not tables(pushed)
        assert len(rows(connection, pushed)[1]) == 8


def test_names_of_other_letters_are_found_where_they_stand(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""create or replace temp table "tä😀""b" as from t""")
    pushed = filtered("""select '😀' as x, day from "tä😀""b" as "ö" """, [JANUARY], "duckdb")
    assert 'from (select * from "tä😀""b" as "ö" where' in pushed
    assert len(rows(connection, pushed)[1]) == 8
