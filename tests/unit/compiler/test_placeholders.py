"""Placeholders are found where DuckDB finds parameters, and filled with what behaves like a bound value."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.compiler.placeholders import fill, names_in

DAY = date(2024, 3, 2)

QUERIES = [
    ("select $day", {"day"}),
    ("select $day, $DAY, $Day", {"day"}),
    ("select 'x/'||$day||'/'||$region||'.csv'", {"day", "region"}),
    ("select $start, $end where $run_id = $run_started_at", {"start", "end", "run_id", "run_started_at"}),
    ("select '$no', 'it''s $no', $day", {"day"}),
    (r"select e'it\'s $no', E'\\' || $day", {"day"}),
    (r"select 'a\', $day, '\'", {"day"}),
    ('select 1 as "c$no", 2 as "a""$no", $day', {"day"}),
    ("select $$ $no $$, $tag$ $no $$ $tag$, $day", {"day"}),
    ("select $größe$ $no $größe$, $größe", {"größe"}),
    ("select $day -- $no\n, $region", {"day", "region"}),
    ("select $day -- $no\r, $region", {"day", "region"}),
    ("select $day /* $no /* $no */ ' $no */ || $region", {"day", "region"}),
    ("select a$no from (select 1 as a$no) where $day", {"day"}),
    ("select $ day", {"day"}),
    ('select $"Day"', {"day"}),
    ("select {'a': $day}, [$x], ($y)", {"day", "x", "y"}),
    ("select $day::date, $_x1 - 1, $a->>'$.no', -$b", {"day", "_x1", "a", "b"}),
    ("select x from t where $1 = 1", set()),
    ("select 1", set()),
]


@pytest.mark.parametrize(("sql", "names"), QUERIES)
def test_names_are_those_that_duckdb_wants_bound(sql: str, names: set[str]) -> None:
    assert names_in(sql) == names
    (statement,) = duckdb.extract_statements(sql)
    assert {name.lower() for name in statement.named_parameters if not name.isdigit()} == names


PIECES = [
    "$day", "$Region", "$end", " ", "\n", "'", '"', "--", "/*", "*/", "$$", "$tag$", "||", "a", "e'", "\\", "1", "x$day", ",", "''", "(", ")", "é", "$",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_names_are_duckdbs_in_any_text_that_it_can_read(text: str) -> None:
    sql = f"select {text}"
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error:
        return
    expected = {name.lower() for statement in statements for name in statement.named_parameters if not name.isdigit()}
    assert names_in(sql) == expected


@pytest.mark.parametrize(("sql", "names"), QUERIES)
def test_a_filled_query_has_no_placeholder_left_and_all_other_text(sql: str, names: set[str]) -> None:
    filled = fill(sql, dict.fromkeys(names, 7), "duckdb")
    assert not names_in(filled)
    assert filled.count("$no") == sql.count("$no")
    assert fill(sql, {}, "duckdb") == sql


def test_names_without_a_value_stay() -> None:
    assert fill("select $day, $region", {"region": "emea"}, "duckdb") == "select $day, 'emea'"


def test_a_value_is_never_read_as_sql() -> None:
    hostile = "'; drop table t; -- $region /* $$"
    filled = fill("select $region, $day", {"region": hostile, "DAY": "$region"}, "duckdb")
    assert duckdb.execute(filled).fetchall() == [(hostile, "$region")]


VALUES: list[Any] = [
    DAY,
    date(1, 1, 1),
    date(9999, 12, 31),
    datetime(2024, 3, 2, 4, 5, 6, 789),
    datetime(2024, 3, 2),
    datetime(2024, 3, 2, 4, 5, tzinfo=UTC),
    datetime(2024, 3, 2, 4, 5, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
    datetime(1890, 3, 2, 4, 5, tzinfo=timezone(timedelta(seconds=3208))),
    "",
    "emea",
    "it's \\ \" $1 \n é😀",
    0,
    -1,
    2**31 - 1,
    -(2**31),
    2**40,
    2**70,
    1.5,
    -0.0,
    1e300,
    float("inf"),
    True,
    False,
    None,
    Decimal("1.50"),
    Decimal("-0.05"),
    Decimal(0),
    Decimal("1E+5"),
    Decimal("123456789.123456789"),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("sql", ["select $v as v", "select 'x' || $v || 'y' as v", "select [$v] as v", "select coalesce($v, null) as v"])
def test_a_filled_value_behaves_as_if_it_were_bound(sql: str, value: Any) -> None:
    assert told(fill(sql, {"v": value}, "duckdb")) == told(sql, {"v": value})


def test_a_negative_number_makes_no_comment() -> None:
    assert duckdb.execute(fill("select 3-$v", {"v": -1}, "duckdb")).fetchall() == [(4,)]


def told(sql: str, bound: dict[str, Any] | None = None) -> tuple[Any, ...]:
    """Return what a query gives, and its type: the engine's only where values of two types look the same."""
    found = duckdb.execute(sql, bound) if bound else duckdb.execute(sql)
    kind = str((found.description or [()])[0][1])
    return repr(found.fetchall()), kind


@pytest.mark.parametrize("kind", ["dates", "texts"])
def test_files_are_found_by_bound_and_by_filled_values(tmp_path: Path, kind: str) -> None:
    (tmp_path / "d=2024-03-02.csv").write_text("a\n1\n", encoding="utf-8")
    sql = f"select a from read_csv('{tmp_path}/d=' || $day || '.csv')"
    value: Any = DAY if kind == "dates" else "2024-03-02"
    connection = duckdb.connect()
    assert connection.execute(sql, {"day": value}).fetchall() == [(1,)]
    assert connection.execute(fill(sql, {"day": value}, "duckdb")).fetchall() == [(1,)]
    connection.execute(f"create table made as ({sql})", {"day": value})
    connection.execute(f"insert into made by name ({sql})", {"day": value})
    assert connection.execute("select count(*) from made").fetchall() == [(2,)]


@pytest.mark.parametrize(
    "sql", ["select $v as d, count(*) from t group by $v", "select a from t order by $v", "create or replace view w as select $v as v"]
)
def test_filling_is_for_what_takes_no_parameters(sql: str) -> None:
    connection = duckdb.connect()
    connection.execute("create table t as select 1 as a")
    with pytest.raises(duckdb.Error):
        connection.execute(sql, {"v": DAY})
    connection.execute(fill(sql, {"v": DAY}, "duckdb"))


def test_literals_are_the_dialects_own() -> None:
    assert fill("select $a, $b, $c", {"a": 1.5, "b": DAY, "c": datetime(2024, 3, 2, tzinfo=UTC)}, "postgres") == (
        "select CAST('1.5' AS DOUBLE PRECISION), CAST('2024-03-02' AS DATE), CAST('2024-03-02 00:00:00+00:00' AS TIMESTAMPTZ)"
    )
