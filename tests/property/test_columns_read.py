"""Columns that a query is said not to read never change what it gives, whatever they hold: DuckDB is asked."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.names import RelationName
from penstock.parser.query import read_query
from random_queries import queries
from two_tables import TABLES, answer, blocks, holding, random_rows, random_value

Reads = dict[str, set[str] | None]
"""The columns read of each table; None stands for all."""


def reads(sql: str) -> Reads:
    """Ask the parser; names that no column has are taken out."""
    found = read_query(sql, "duckdb")
    assert not found.error, found.error
    read: Reads = {}
    for table in {table.identifier.lower() for table in found.tables}:
        columns = found.reads.get(RelationName("", "", table))
        read[table] = None if columns is None else set(columns) & set(TABLES[table])
    return read


def expected(title: str) -> Reads:
    """Read a case's title: `what it is: t(a, b) u(*)`."""
    listed = re.findall(r"(\w+)\(([^)]*)\)", title.rsplit(": ", 1)[1])
    return {table: None if columns == "*" else set(filter(None, re.split(r",\s*", columns))) for table, columns in listed}


CASES = [pytest.param(expected(title), sql, id=title) for title, sql in blocks("reads.txt")]


def assert_nothing_else_counts(sql: str, read: Reads, chance: Random, rounds: int) -> int:
    """Change what is not read, add a column to it, and compare; return how often the query gave something."""
    given_ = 0
    for _ in range(rounds):
        rows = random_rows(chance)
        with holding(rows) as connection:
            before = answer(connection, sql)
        for table, columns in TABLES.items():
            wanted = read.get(table, set())
            for row in rows[table]:
                row.update(
                    {name: random_value(chance, kind) for name, kind in columns.items() if wanted is not None and name not in wanted}
                )
        more = {table: "integer" for table in TABLES if read.get(table, set()) is not None and chance.random() < 0.5}
        with holding(rows, more) as connection:
            assert answer(connection, sql) == before, f"{rows} {more}"
        given_ += before is not None
    return given_


def test_there_are_enough_cases() -> None:
    assert len(CASES) > 50


@pytest.mark.parametrize(("wanted", "sql"), CASES)
def test_a_query_reads_what_its_case_says(wanted: Reads, sql: str) -> None:
    assert reads(sql) == wanted


@pytest.mark.parametrize(("wanted", "sql"), CASES)
def test_what_the_cases_say_is_true_in_duckdb(wanted: Reads, sql: str) -> None:
    assert assert_nothing_else_counts(sql, wanted, Random(7), 8), "DuckDB refuses the query"


@settings(deadline=None, max_examples=100)
@given(queries(), st.randoms(use_true_random=False))
def test_columns_that_are_not_read_do_not_count(sql: str, chance: Random) -> None:
    assert assert_nothing_else_counts(sql, reads(sql), chance, 4), "DuckDB refuses the query"
