"""What an edit is said to leave alone, DuckDB leaves alone: on random rows, the columns that did not change hold the same bag."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_oracle import Judge, bag, some_rows
from penstock.parser.changed_query import ChangedQuery, changed_query
from penstock.parser.query import parse_one
from random_lineage_queries import Maker
from random_queries import edited, rewritten
from two_tables import TABLES


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.connection.close()


def compared(before: str, after: str) -> ChangedQuery:
    trees = parse_one(before, "duckdb"), parse_one(after, "duckdb")
    schema = {table: tuple(columns) for table, columns in TABLES.items()}
    return changed_query(*trees, lambda name: schema.get(name.identifier.lower()), lambda name: schema.get(name.identifier.lower()))


def assert_kept(judge: Judge, before: str, after: str, chance: Random, rounds: int = 2) -> int:
    """Compare what is said to be the same in both answers; return how many rows that was looked at in."""
    try:
        found = compared(before, after)
    except ValueError:  # what DuckDB understands and sqlglot does not is never compared
        return 0
    if found.other_rows:
        return 0
    other = {one.name for one in found.columns}
    looked = 0
    for _ in range(rounds):
        rows = some_rows(chance)
        answers = judge.answer(rows, before), judge.answer(rows, after)
        if answers[0] is None or answers[1] is None:
            continue
        names = [[name.lower() for name in answer[0]] for answer in answers]
        same = [name for name in names[0] if name not in other]
        if "*" in other:
            same = []
        assert set(same) <= set(names[1]), f"{found}\n{before}\n{after}"
        bags = [bag(answer[1], [given.index(name) for name in same]) for answer, given in zip(answers, names, strict=True)]
        assert bags[0] == bags[1], f"{found}\n{rows}\n{before}\n{after}"
        looked += len(answers[0][1])
    return looked


def wrapped(sql: str, chance: Random) -> str:
    """Write the same query another way round."""
    return chance.choice([
        f"select * from ({sql}) as w0",
        f"with w0 as ({sql}) select w0.* from w0",
        f"with w0 as ({sql}), w1 as (select * from w0) select *, 1 as one from w1",
    ])  # fmt: skip


@given(seed=st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_what_an_edit_is_said_to_leave_alone_stays(judge: Judge, seed: int) -> None:
    chance = Random(seed)
    sql = Maker(chance).query()
    assert_kept(judge, sql, edited(sql, chance), chance)


@given(seed=st.integers(0, 10**9))
@settings(max_examples=15, deadline=None)
def test_a_query_written_otherwise_is_still_compared_soundly(judge: Judge, seed: int) -> None:
    chance = Random(seed)
    sql = Maker(chance).query()
    assert_kept(judge, sql, wrapped(edited(sql, chance) if seed % 2 else sql, chance), chance)
    assert_kept(judge, wrapped(sql, chance), rewritten(wrapped(sql, chance), chance), chance)


def test_many_edits_are_found_to_leave_something_alone(judge: Judge) -> None:
    looked = 0
    for seed in range(30):
        chance = Random(seed)
        sql = Maker(chance).query()
        looked += assert_kept(judge, sql, edited(sql, chance), chance, 1) > 0
    assert looked >= 6
