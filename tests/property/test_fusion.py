"""Checks that are fused find what each of them finds by itself, whatever the conditions and the rows: DuckDB is asked."""

from __future__ import annotations

from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.asset import TestSpec
from penstock.compiler import tests as data_tests
from penstock.compiler.checks import put_in_place
from penstock.compiler.foldable import fold
from penstock.compiler.fuse import CheckQuery, Fused, alone, fuse, settle

T = '"memory"."main"."t"'
COLUMNS = [("a", "INTEGER"), ("b", "UTINYINT"), ("x", "DOUBLE"), ("s", "VARCHAR"), ("t", "BOOLEAN"), ("n", "VARCHAR")]
VALUES: dict[str, list[Any]] = {
    "a": [0, 1, 2, 63, 64, -1, -64, 2**31 - 1, -(2**31), None],
    "b": [0, 1, 63, 64, 255, None],
    "x": ["nan", "0.0", "-0.0", "1", "inf", "-inf", None],
    "s": ["a", "A", "", "it's", None],
    "t": [True, False, None],
    "n": ["a", "A", "b", "é", None],
}
LITERALS = {
    "a": ["0", "1", "64", "-1", "null"], "b": ["0", "63", "300", "null"], "x": ["0", "-0.0", "1.0", "'nan'", "null"],
    "s": ["'a'", "'it''s'", "''", "null"], "t": ["true", "false", "null"], "n": ["'a'", "'B'", "'É'", "null"],
}  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn, name: str = "", depth: int = 2) -> str:
    """A condition on one row; `name` may stand before its columns."""
    pick = lambda values: draw(st.sampled_from(list(values)))  # noqa: E731 (a word for what is done everywhere below)
    column = pick(VALUES)
    shown = f"{name}.{column}" if name and draw(st.booleans()) else column
    one, other = pick(LITERALS[column]), pick(LITERALS[column])
    plain = [
        f"{shown} is null", f"{shown} is not null", f"{shown} {pick(['=', '<>', '<', '>='])} {one}", f"{shown} is distinct from {one}",
        f"{shown} in ({one}, {other})", f"{shown} not in ({one}, {other})", f"{shown} between {one} and {other}", f"{shown} = {column}",
        f"coalesce({shown}, {one}) = {other}", f"case when {shown} = {one} then null else t end", "t", "null", f"cast({shown} as varchar) like '%1%'",
    ]  # fmt: skip
    if not depth:
        return str(pick(plain))
    inner = [draw(conditions(name, depth - 1)) for _ in range(2)]
    return str(
        pick([pick(plain), f"not ({inner[0]})", f"({inner[0]}) and ({inner[1]})", f"({inner[0]}) or {inner[1]}", f"({inner[0]}) is null"])
    )


@st.composite
def queries(draw: st.DrawFn, slice_: str) -> str:
    """A check of a relation or of its slice, as its author or dbt writes it."""
    where = draw(conditions("", 1)) if draw(st.booleans()) else ""
    rows = f"(select * from {slice_} where {where}) dbt_subquery" if where else slice_
    column = draw(st.sampled_from(list(VALUES)))
    values = ", ".join(draw(st.lists(st.sampled_from(LITERALS[column]), min_size=1, max_size=3)))
    kind = draw(
        st.sampled_from(
            ["this", "this", "alias", "plain", "not_null", "unique", "unique", "accepted", "relationships", "subquery", "groups"]
        )
    )
    if kind == "this":
        return put_in_place(f"select * from this where {draw(conditions('this'))} -- rows\n", {"this": slice_})
    return {
        "alias": f"from {slice_} as o where {draw(conditions('o'))}",
        "plain": f"select 1 from {rows} where {draw(conditions('dbt_subquery' if where else ''))}",
        "not_null": f"select {column}\nfrom {rows}\nwhere {column} is null",
        "unique": f"select {column} as unique_field, count(*) as n_records from {rows} where {column} is not null group by {column} having count(*) > 1",
        "accepted": f"with all_values as (select {column} as value_field, count(*) as n_records from {rows} group by {column}) select * from all_values where value_field not in ({values})",
        "relationships": f"with child as (select {column} as from_field from {rows} where {column} is not null), parent as (select {column} as to_field from memory.main.parents) "
        "select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null",
        "subquery": f"select * from {rows} where {column} not in (select {column} from memory.main.parents)",
        "groups": f"select {column}, count(*) from {rows} group by {column} having count(*) > 2",
    }[kind]


@st.composite
def checks(draw: st.DrawFn, relation: str) -> list[CheckQuery]:
    limits = st.sampled_from([None, None, None, 0, 1, 3])
    return [CheckQuery(draw(queries(relation)), limit=draw(limits)) for _ in range(draw(st.integers(1, 8)))]


@pytest.fixture(scope="module")
def connection() -> Any:
    with duckdb.connect() as made:
        for table in ("t", "parents"):
            made.execute(f"create table {table} (a integer, b utinyint, x double, s varchar, t boolean, n varchar collate nocase)")
        yield made


def fill(connection: duckdb.DuckDBPyConnection, chance: Random) -> None:
    for table, most in (("t", 12), ("parents", 5)):
        connection.execute(f"delete from {table}")
        rows = [[chance.choice(values) for values in VALUES.values()] for _ in range(chance.randint(0, most))]
        if rows:
            places = ", ".join(f"({', '.join('?' for _ in VALUES)})" for _ in rows)
            connection.execute(f"insert into {table} values {places}", [value for row in rows for value in row])


def by_itself(connection: duckdb.DuckDBPyConnection, check: CheckQuery) -> int:
    """Ask as dbt does: `get_test_sql`."""
    found = connection.execute(data_tests.test_query(TestSpec(limit=check.limit), check.sql)).fetchone()
    return int(found[0]) if found else -1


def together(connection: duckdb.DuckDBPyConnection, statements: tuple[Fused, ...], asked: list[CheckQuery]) -> dict[int, int | None]:
    counts: dict[int, int | None] = {}
    for fused in statements:
        found, again = settle(fused, connection.execute(fused.statement).fetchall())
        counts |= found
        for number in again:
            counts |= settle(alone(number, asked[number]), connection.execute(alone(number, asked[number]).statement).fetchall())[0]
    return counts


@settings(deadline=None, max_examples=100)
@given(st.data(), st.randoms(use_true_random=False), st.sampled_from([T, f"(select * from {T} where a >= 0 or s = 'a'\n)"]))
def test_fused_counts_are_those_of_each_check_alone(connection: Any, data: st.DataObject, chance: Random, relation: str) -> None:
    asked = data.draw(checks(relation))
    fill(connection, chance)
    expected = {number: by_itself(connection, check) for number, check in enumerate(asked)}
    for stored, columns in ((False, ()), (True, ()), (True, COLUMNS)):
        fused = fuse(relation, asked, stored=stored, columns=columns)
        assert len(fused) == 1, "one statement"
        assert together(connection, fused, asked) == expected


@settings(deadline=None, max_examples=150)
@given(conditions("o"))
def test_every_condition_on_one_row_is_folded(condition: str) -> None:
    assert fold(f"select * from {T} as o where {condition}", T) is not None


_PARTS = (
    "select * from where group by having and or not in is null ( ) , . count(*) > 1 1 'a' a t.a \"a\" with x as union all limit 1 distinct"
    " (select 1) unique_field child join on = -- /* */ ; $1 \" ' [ ] { } :: lambda x: 😀 this exists between case when then end filter over"
).split(" ")
_TEXTS = [
    f"select a as unique_field , count(*) as n_records from {T} where a is not null group by a having count(*) > 1",
    f"with all_values as ( select a as value_field , count(*) as n_records from {T} group by a ) select * from all_values where value_field not in ( 1 , 2 )",
    (
        f"with child as ( select a as from_field from {T} where a is not null ) , parent as ( select a as to_field from memory.main.parents )"
        " select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null"
    ),
    f"select a from ( select * from {T} where b = 1 ) dbt_subquery where a is null",
]


_EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3), st.lists(st.sampled_from(_PARTS), max_size=2)), max_size=3)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(_TEXTS), _EDITS, st.randoms(use_true_random=False))
def test_whatever_a_text_has_become_it_counts_what_it_says_or_fails(
    connection: Any, text: str, edits: list[tuple[int, int, list[str]]], chance: Random
) -> None:
    words = text.split(" ")
    for place, removed, parts in edits:
        words[place : place + removed] = parts
    check = CheckQuery(" ".join(words))
    (fused, *_) = fuse(T, [check, CheckQuery(f"from {T} where a = 1")], stored=False)
    if fold(check.sql, T) is None or 0 not in fused.checks:
        return
    fill(connection, chance)
    try:
        counts, again = settle(fused, connection.execute(fused.statement).fetchall())
    except duckdb.Error:
        return  # each check is then asked by itself
    assert by_itself(connection, check) == counts[0] if again == () else by_itself(connection, check) > 0
