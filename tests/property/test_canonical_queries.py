"""Two queries with one canonical form give the same rows and columns, whatever the tables hold: DuckDB is asked."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.parser.query import read_query
from random_queries import edited, queries, rewritten, without_repeated_aliases
from two_tables import TABLES, answer, blocks, holding, random_rows

PAIRS = [pytest.param(title.split(":")[0], *body.split("\n|||\n"), id=title) for title, body in blocks("canonical.txt")]


def canonical(sql: str) -> str:
    found = read_query(sql, "duckdb")
    assert not found.error, sql
    return found.canonical_among([name for columns in TABLES.values() for name in columns])


def tell_apart(one: str, other: str) -> bool:
    """Whether the answers differ for some rows."""
    for seed in range(20):
        with holding(random_rows(Random(seed))) as connection:
            if answer(connection, one) != answer(connection, other):
                return True
    return False


def test_there_are_pairs_of_both_kinds() -> None:
    kinds = [pair.values[0] for pair in PAIRS]
    assert kinds.count("same") >= 10 and kinds.count("other") >= 30 and set(kinds) == {"same", "other"}


@pytest.mark.parametrize(("kind", "one", "other"), PAIRS)
def test_a_pair_is_the_same_or_not_as_its_case_says(kind: str, one: str, other: str) -> None:
    assert tell_apart(one, other) is (kind == "other"), "the case is wrong: DuckDB says otherwise"
    assert (canonical(one) == canonical(other)) is (kind == "same")


@settings(deadline=None, max_examples=60)
@given(queries(), st.randoms(use_true_random=False), st.integers(0, 9))
def test_a_query_written_otherwise_has_the_same_canonical_form(sql: str, chance: Random, seed: int) -> None:
    other = rewritten(sql, chance)
    assert canonical(other) == canonical(sql)
    with holding(random_rows(Random(seed))) as connection:
        assert answer(connection, sql) == answer(connection, other) is not None


@settings(deadline=None, max_examples=120)
@given(queries(), st.randoms(use_true_random=False))
def test_an_alias_that_repeats_a_name_is_left_out_only_where_it_says_nothing(sql: str, chance: Random) -> None:
    other = without_repeated_aliases(sql, chance)
    if canonical(other) == canonical(sql):
        assert not tell_apart(sql, other), other


@settings(deadline=None, max_examples=120)
@given(queries(), st.randoms(use_true_random=False))
def test_a_query_that_gives_something_else_has_another_canonical_form(sql: str, chance: Random) -> None:
    other = edited(sql, chance)
    if canonical(other) == canonical(sql):
        assert not tell_apart(sql, other), other


@settings(deadline=None, max_examples=40)
@given(queries())
def test_canonical_forms_do_not_depend_on_what_was_read_before(sql: str) -> None:
    assert canonical(sql) == canonical(sql)
