"""How relations are written: the statements run on DuckDB, for every name and over whatever stood there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from penstock.assets.names import RelationName
from penstock.compiler.materialize import NATIVE, RELATION_TYPES
from penstock.errors import WarehouseError
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse

NAMES = (
    "plain",
    "Mixed Case",
    "select",
    'quo"te',
    "it's",
    "semi;colon",
    "dash-ed",
    "a.b",
    "ünï",
    "-- x",
    "2024",
    " ",
    "order",
    "{x}",
    "$a",
)


@pytest.fixture
def connection() -> Iterator[DuckDBConnection]:
    warehouse = DuckDBWarehouse.in_memory()
    yield warehouse.connect()
    warehouse.close()


def write(connection: DuckDBConnection, how: str, relation: RelationName, query: str, existing: str | None = None) -> None:
    for statement in NATIVE[how](relation, query, existing):
        connection.execute(statement)


def type_of(connection: DuckDBConnection, relation: RelationName) -> str | None:
    """Ask the catalog itself."""
    rows = connection.execute(
        "select lower(table_type) from information_schema.tables where table_schema = $schema and table_name = $name",
        {"schema": relation.schema, "name": relation.identifier},
    )
    return {"base table": "table", "view": "view"}[rows[0][0]] if rows else None


def test_every_way_to_write_has_a_type_of_relation() -> None:
    assert set(NATIVE) == set(RELATION_TYPES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", NATIVE)
def test_a_relation_of_any_name_is_written_once_and_again(connection: DuckDBConnection, how: str, name: str) -> None:
    relation = RelationName("memory", name, name)
    connection.execute(f"create schema {relation.schema_sql}")
    write(connection, how, relation, "select 1 as a")
    assert type_of(connection, relation) == RELATION_TYPES[how]
    write(connection, how, relation, "select 2 as a", RELATION_TYPES[how])
    assert connection.execute(f"select a from {relation.sql} order by a") == ([(1,), (2,)] if how == "append" else [(2,)])


@pytest.mark.parametrize("existing", ["table", "view", None])
@pytest.mark.parametrize("how", NATIVE)
def test_whatever_stood_there_is_replaced(connection: DuckDBConnection, how: str, existing: str | None) -> None:
    relation = RelationName("", "main", "it")
    if existing:
        connection.execute(f"create {existing} it as select 'old' as a")
    write(connection, how, relation, "select 'new' as a", existing)
    assert type_of(connection, relation) == RELATION_TYPES[how]
    rows = connection.execute("select a from it order by a")
    assert rows == ([("new",), ("old",)] if (how, existing) == ("append", "table") else [("new",)])


def test_a_swap_that_is_rolled_back_leaves_what_stood_there(connection: DuckDBConnection) -> None:
    relation = RelationName("", "main", "it")
    connection.execute("create table it as select 'old' as a")
    connection.begin()
    write(connection, "view", relation, "select 'new' as a", "table")
    assert type_of(connection, relation) == "view"
    connection.rollback()
    assert (type_of(connection, relation), connection.execute("select a from it")) == ("table", [("old",)])


def test_rows_are_appended_by_name(connection: DuckDBConnection) -> None:
    relation = RelationName("", "main", "it")
    write(connection, "append", relation, "select 1 as a, 'x' as b")
    write(connection, "append", relation, "select 'y' as b, 2 as a", "table")
    write(connection, "append", relation, "select 3 as a", "table")
    assert connection.execute("select a, b from it order by a") == [(1, "x"), (2, "y"), (3, None)]
    with pytest.raises(WarehouseError, match="no_such"):
        write(connection, "append", relation, "select 4 as no_such", "table")
    assert connection.execute("select count(*) from it") == [(3,)]


def test_a_table_may_be_made_from_itself(connection: DuckDBConnection) -> None:
    relation = RelationName("", "main", "it")
    write(connection, "table", relation, "select 1 as a")
    write(connection, "table", relation, "select a + 1 as a from it", "table")
    assert connection.execute("select a from it") == [(2,)]


@pytest.mark.parametrize(
    "query", ["select 1 as a -- the end", "/* a */ select 1 as a", "with x as (select 1 as a) from x", "\n\nselect 1 as a\n\n"]
)
@pytest.mark.parametrize("how", NATIVE)
def test_a_query_may_begin_and_end_with_comments(connection: DuckDBConnection, how: str, query: str) -> None:
    write(connection, how, RelationName("", "main", "it"), query)
    write(connection, how, RelationName("", "main", "it"), query, RELATION_TYPES[how])
    assert connection.execute("select distinct a from it") == [(1,)]
