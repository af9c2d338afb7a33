"""Rows in the stage take the place of those with the same key; keys that are missing or repeated are counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from penstock.assets.asset import IngestSpec
from penstock.assets.names import RelationName
from penstock.compiler.materialize import (
    STAGE,
    Key,
    columns_of,
    delete_matching,
    empty_table,
    ingest_steps,
    insert_rows,
    missing_keys,
    repeated_keys,
    stage_rows,
)
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse

IT = RelationName("memory", "main", 'the "table"')
ODD = 'k "1"'
ID = [Key("id")]
PAIR = [Key("id"), Key(ODD)]


@pytest.fixture
def connection() -> Iterator[DuckDBConnection]:
    warehouse = DuckDBWarehouse.in_memory()
    yield warehouse.connect()
    warehouse.close()


def staged(connection: DuckDBConnection, *rows: str) -> None:
    values = ", ".join(rows)
    connection.execute(stage_rows(f'select * from (values {values}) as r(id, "k ""1""", v)'))


def standing(connection: DuckDBConnection, *rows: str) -> None:
    connection.execute(f'create table {IT.sql} as select * from (values {", ".join(rows)}) as r(id, "k ""1""", v)')


@pytest.mark.parametrize(("keys", "left"), [(ID, [(3, "a", "old")]), (PAIR, [(1, "b", "old"), (3, "a", "old")]), ([Key("ID"), Key('K "1"')], [(1, "b", "old"), (3, "a", "old")])])  # fmt: skip
def test_only_rows_with_a_key_of_the_stage_go(connection: DuckDBConnection, keys: list[Key], left: list[tuple[object, ...]]) -> None:
    standing(connection, "(1, 'a', 'old')", "(1, 'b', 'old')", "(2, 'a', 'old')", "(3, 'a', 'old')")
    staged(connection, "(1, 'a', 'new')", "(2, 'a', 'new')", "(9, 'a', 'new')")
    connection.execute(delete_matching(IT, keys))
    assert connection.execute(f"select * from {IT.sql} order by all") == left
    connection.execute(insert_rows(IT, '"v", "id"', STAGE))
    assert connection.execute(f"select count(*), count(*) filter (v = 'new') from {IT.sql}") == [(len(left) + 3, 3)]


def test_rows_of_the_table_without_a_key_stay(connection: DuckDBConnection) -> None:
    standing(connection, "(null, 'a', 'old')", "(1, null, 'old')")
    staged(connection, "(1, 'a', 'new')")
    connection.execute(delete_matching(IT, PAIR))
    assert connection.execute(f"select count(*) from {IT.sql}") == [(2,)]


def test_a_key_of_another_type_is_compared_as_it_will_be_stored(connection: DuckDBConnection) -> None:
    standing(connection, "(1, 'a', 'old')", "(2, 'a', 'old')")
    staged(connection, "('01', 'a', 'new')", "('1', 'a', 'new')")
    keys = [Key("id", "INTEGER")]
    assert connection.execute(repeated_keys(keys)) == [("1", 2, 2)]
    assert connection.execute(repeated_keys(ID)) == []
    connection.execute(delete_matching(IT, keys))
    assert connection.execute(f"select id from {IT.sql}") == [(2,)]


def test_repeated_and_missing_keys_are_counted_the_most_frequent_first(connection: DuckDBConnection) -> None:
    staged(
        connection,
        "(1, 'a', 1)",
        "(1, 'a', 2)",
        "(1, 'b', 3)",
        "(2, 'a', 4)",
        "(2, 'a', 5)",
        "(2, 'a', 6)",
        "(3, null, 7)",
        "(3, null, 8)",
        "(null, 'x', 9)",
    )
    assert connection.execute(repeated_keys(PAIR)) == [("2", "a", 3, 5), ("1", "a", 2, 5)]
    assert connection.execute(repeated_keys(ID)) == [("1", 3, 8), ("2", 3, 8), ("3", 2, 8)]
    assert connection.execute(missing_keys(PAIR)) == [("3", None, 2, 3), (None, "x", 1, 3)]
    assert connection.execute(missing_keys(ID)) == [(None, 1, 1)]
    assert connection.execute(repeated_keys([Key("v")])) == connection.execute(missing_keys([Key("v")])) == []


def test_no_more_than_five_keys_are_listed_but_all_are_counted(connection: DuckDBConnection) -> None:
    connection.execute(stage_rows("select i % 20 as id from range(60) as r(i)"))
    rows = connection.execute(repeated_keys(ID))
    assert (len(rows), {row[-1] for row in rows}) == (5, {60})


def test_a_column_may_be_called_as_the_statements_call_theirs(connection: DuckDBConnection) -> None:
    connection.execute(stage_rows("select 1 as penstock_count, 2 as penstock_key_0 union all select 1, 3"))
    keys = [Key("penstock_count"), Key("penstock_key_0")]
    assert connection.execute(repeated_keys(keys)) == []
    assert connection.execute(repeated_keys(keys[:1])) == [("1", 2, 2)]


def test_columns_are_told_with_placeholders_bound(connection: DuckDBConnection) -> None:
    assert connection.execute(columns_of("select $a as a, 'x' as \"B c\" -- end"), {"a": 1}) == [("a", "INTEGER"), ("B c", "VARCHAR")]


def test_an_empty_table_has_the_querys_types_and_the_names_that_are_given(connection: DuckDBConnection) -> None:
    for statement in empty_table(IT, "select 1 as a, date '2024-01-01' as b -- end", ["x", ODD], None):
        connection.execute(statement)
    assert connection.execute(f"select * from {IT.sql}") == []
    described = connection.execute(f"select column_name, column_type from (describe {IT.sql})")
    assert described == [("x", "INTEGER"), (ODD, "DATE")]
    for statement in empty_table(RelationName("", "main", "other"), "select 1 as a", (), None):
        connection.execute(statement)
    assert connection.execute("select column_name from (describe other)") == [("a",)]


@pytest.mark.parametrize("existing", ["view", None])
@pytest.mark.parametrize(
    ("ingest", "rows"),
    [
        (IngestSpec("a.sql", "select 2 as id, 'new' as v"), [(2, "new")]),
        (IngestSpec("a.sql", "select 2 as id, 'new' as v", "append"), [(2, "new"), (2, "new")]),
        (IngestSpec("a.sql", "select 2 as id, 'new' as v", "append", cursor={"column": "id"}), [(2, "new"), (2, "new")]),
        (IngestSpec("a.sql", "select 2 as id, 'new' as v", "upsert", key=("id",)), [(2, "new")]),
    ],
)
def test_what_is_shown_does_what_a_run_does(
    connection: DuckDBConnection, ingest: IngestSpec, rows: list[tuple[object, ...]], existing: str | None
) -> None:
    if existing:
        connection.execute(f"create view {IT.sql} as select 1 as id")
    for stands in (existing, "table"):
        for statement in ingest_steps(IT, ingest, stands):
            connection.execute(statement)
    assert connection.execute(f"select * from {IT.sql}") == rows


def test_a_statement_is_shown_as_it_stands() -> None:
    assert ingest_steps(IT, IngestSpec("a.sql", "copy a from 'x'", "statement"), "table") == ("copy a from 'x'",)
