"""What a query reads, case by case; and nothing that is not understood passes as reading nothing."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.names import RelationName
from penstock.parser.query import FILE_FUNCTIONS, PURE_TABLE_FUNCTIONS, VOLATILE_FUNCTIONS, QueryFacts, read_query
from query_cases import QueryCase, read_cases

CASES = read_cases()


def name(table: RelationName) -> str:
    return ".".join(part for part in (table.database, table.schema, table.identifier) if part)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_query_reads_what_its_case_says(case: QueryCase) -> None:
    found = read_query(case.sql, "duckdb")
    if case.error:
        assert case.error in found.error
        assert found == QueryFacts(error=found.error, canonical=found.canonical)
        return
    assert found.error == ""
    assert {name(table) for table in found.tables} == set(case.tables)
    assert (set(found.files), set(found.unknown), set(found.volatile)) == (set(case.files), set(case.unknown), set(case.volatile))


def test_the_case_files_hold_cases_of_every_kind_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    for kind in ("tables", "files", "unknown", "volatile", "error"):
        assert sum(bool(getattr(case, kind)) for case in CASES) >= 5


def test_every_function_that_duckdb_calls_volatile_is_known_as_such() -> None:
    harmless = {"error", "stats", "vector_type", "sleep_ms"}
    rows = duckdb.sql("select distinct function_name from duckdb_functions() where stability <> 'CONSISTENT'").fetchall()
    assert len(rows) > 10
    assert {row[0] for row in rows} - harmless <= VOLATILE_FUNCTIONS


def test_a_function_counts_as_pure_or_as_a_reader_not_as_both() -> None:
    assert not PURE_TABLE_FUNCTIONS & FILE_FUNCTIONS


@pytest.mark.parametrize("depth", [200, 3000, 20_000])
@pytest.mark.parametrize("shape", ["parentheses", "subqueries", "cases"])
def test_deep_nesting_is_an_error_and_not_a_crash(depth: int, shape: str) -> None:
    sql = {
        "parentheses": "select " + "(" * depth + "1" + ")" * depth + " from t",
        "subqueries": "select * from " + "(select * from " * depth + "t" + ")" * depth,
        "cases": "select " + "case when a then " * depth + "1" + " end" * depth + " from t",
    }[shape]
    found = read_query(sql, "duckdb")
    assert "too deeply" in found.error or found.tables == (RelationName("", "", "t"),)
    assert not (found.error and found.tables)


def test_a_long_query_is_read() -> None:
    found = read_query("select " + " + ".join(["x"] * 5000) + " from t where a in (" + ", ".join(map(str, range(5000))) + ")", "duckdb")
    table = RelationName("", "", "t")
    assert found == QueryFacts(tables=(table,), reads={table: frozenset("xa")}, canonical=found.canonical)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from("select from t where ( ) , with a as union 'x' \" ; -- /* */ $1 now() * 1 join using lateral".split()), max_size=12
    )
)
def test_any_text_is_read_or_an_error(words: list[str]) -> None:
    found = read_query(" ".join(words), "duckdb")
    assert isinstance(found, QueryFacts)
    assert found.canonical
    assert not (found.error and (found.reads or found.tables or found.files or found.unknown or found.volatile))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=3), st.sampled_from(["a", "b", "c", "d"]), st.booleans())
def test_no_table_that_duckdb_needs_is_hidden_by_a_common_table_expression(names: list[str], last: str, nested: bool) -> None:
    """DuckDB itself is asked: with just the tables that were found, the query must bind."""
    ctes = ", ".join(f"{cte} as (select * from {read})" for cte, read in zip(dict.fromkeys(names), [*names[1:], last], strict=False))
    sql = f"with {ctes} select * from {last}"
    sql = f"select * from {names[0]}, ({sql}) as q" if nested else sql
    with duckdb.connect() as connection:
        for table in read_query(sql, "duckdb").tables:
            connection.execute(f"create table {table.sql} (i int)")
        connection.execute(f"explain {sql}")
