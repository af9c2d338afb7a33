"""The schema: fresh equals migrated, a migration happens whole or not at all, a newer store is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from penstock.errors import StateError, WarehouseError
from penstock.state import store
from penstock.state.queries import sql_file
from penstock.state.reader import read_state
from penstock.state.store import Statements, create_fresh, migrate, pending, split_statements, stored_version
from penstock.warehouse.duckdb import DuckDBWarehouse
from penstock.warehouse.failpoints import InjectedFault, arm
from state_builders import Story, empty_database, new_store, rows_of

EVERYTHING = """
    select 'column', schema_name, table_name, column_index, column_name, data_type, is_nullable, column_default from duckdb_columns()
    where not internal
    union all select 'table', schema_name, table_name, column_count, sql, '', false, '' from duckdb_tables() where not internal
    union all select 'view', schema_name, view_name, column_count, sql, '', false, '' from duckdb_views() where not internal
    union all select 'schema', schema_name, '', 0, '', '', false, '' from duckdb_schemas() where not internal
    union all select 'constraint', schema_name, table_name, 0, constraint_text, '', false, '' from duckdb_constraints()
    union all select 'index', schema_name, table_name, 0, index_name, '', false, '' from duckdb_indexes()
    order by all
"""
NEWEST = store.SCHEMA_VERSION
NEXT = NEWEST + 1
ALL = list(range(1, NEXT))
ADDED = "alter table {state}.run add column mood varchar;\ninsert into {state}.meta values ('mood', 'good');\n"


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm(None)


def add_migration(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    known = store.migrations()
    monkeypatch.setattr(store, "migrations", lambda: [*known, (NEXT, text)])
    monkeypatch.setattr(store, "SCHEMA_VERSION", NEXT)


def at_version(version: int) -> Statements:
    """A store as it stands after some of the migrations; views are made by the last one alone."""
    sql = empty_database()
    if version:
        arm(f"migration.before_commit={version + 1}:raise")
        with pytest.raises(InjectedFault):
            migrate(sql)
        arm(None)
    return sql


def everything(sql: Statements) -> list[tuple[object, ...]]:
    return sql.connection.execute(EVERYTHING)


def test_a_fresh_schema_equals_a_migrated_one() -> None:
    fresh, migrated = empty_database(), empty_database()
    create_fresh(fresh)
    migrate(migrated)
    assert everything(fresh) == everything(migrated)
    assert {row[0] for row in everything(fresh)} >= {"column", "table", "view", "schema"}
    assert stored_version(fresh) == stored_version(migrated) == store.SCHEMA_VERSION == store.migrations()[-1][0]


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in store.migrations()] == list(range(1, store.SCHEMA_VERSION + 1))


def test_migrating_again_does_nothing() -> None:
    sql = empty_database()
    assert (migrate(sql), pending(sql)) == (ALL, [])
    before = everything(sql)
    arm("migration.*=1:raise")  # a statement of any migration would raise
    assert migrate(sql) == []
    assert everything(sql) == before
    assert rows_of(sql, "select count(*) from {state}.meta") == [(1,)]


def test_looking_for_pending_migrations_only_reads(tmp_path: Path) -> None:
    path = str(tmp_path / "empty.duckdb")
    duckdb.connect(path).close()
    warehouse = DuckDBWarehouse(duckdb.connect(path, read_only=True), {})
    sql = Statements(warehouse.connect(), "penstock")
    assert (pending(sql), stored_version(sql)) == (ALL, 0)
    assert everything(sql) == everything(empty_database())
    warehouse.close()


def test_a_store_that_was_never_made_has_an_empty_state() -> None:
    assert read_state(empty_database()).materializations == {}


def test_a_newer_store_is_refused_with_advice() -> None:
    sql = new_store()
    rows_of(sql, """update {state}.meta set "value" = '99' where "key" = 'schema_version'""")
    for ask in (stored_version, pending, migrate, read_state):
        with pytest.raises(StateError, match=rf"have version 99, this Penstock knows up to {NEWEST}") as caught:
            ask(sql)
        assert caught.value.hint == "Install the newer Penstock that wrote them."


def test_a_migration_cut_off_at_any_statement_leaves_nothing() -> None:
    for version, text in store.migrations():
        statements = len(split_statements(text)) + (len(split_statements(sql_file("views.sql"))) if version == NEWEST else 0)
        sql = at_version(version - 1)
        before = everything(sql)
        for number in range(1, statements + 1):
            arm(f"migration.statement={number}:raise")
            with pytest.raises(InjectedFault):
                migrate(sql)
            assert (stored_version(sql), everything(sql)) == (version - 1, before)
        arm(None)
        assert migrate(sql) == list(range(version, NEXT))


@pytest.mark.parametrize("version", range(1, store.SCHEMA_VERSION))
def test_a_store_of_an_older_version_is_brought_to_the_newest(version: int) -> None:
    sql, fresh = at_version(version), empty_database()
    create_fresh(fresh)
    assert pending(sql) == list(range(version + 1, NEXT))
    migrate(sql)
    assert everything(sql) == everything(fresh)


@pytest.mark.parametrize("place", ["remove_meta.before", "set_meta.before", "set_meta.after", "migration.before_commit"])
def test_a_migration_and_its_note_commit_together(place: str) -> None:
    sql = empty_database()
    arm(f"{place}=1:raise")
    with pytest.raises(InjectedFault):
        migrate(sql)
    assert (stored_version(sql), pending(sql)) == (0, ALL)
    assert migrate(sql) == ALL


def test_a_migration_cut_off_after_its_commit_is_done() -> None:
    sql = empty_database()
    arm("migration.after_commit=1:raise")
    with pytest.raises(InjectedFault):
        migrate(sql)
    assert (stored_version(sql), migrate(sql)) == (1, ALL[1:])


def test_a_later_migration_keeps_the_data_and_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = new_store()
    Story(sql).start("run1")
    add_migration(monkeypatch, ADDED)
    assert pending(sql) == [NEXT]
    assert (migrate(sql), stored_version(sql)) == ([NEXT], NEXT)
    assert rows_of(sql, "select run_id, mood from {state}.run") == [("run1", None)]
    assert rows_of(sql, """select count(*) from {state}.meta where "key" = 'schema_version'""") == [(1,)]


def test_a_later_migration_that_breaks_half_way_leaves_the_version_before_and_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = new_store()
    Story(sql).start("run1")
    before = everything(sql)
    add_migration(monkeypatch, ADDED + "insert into {state}.no_such_table values (1);\n")
    with pytest.raises(WarehouseError, match="no_such_table"):
        migrate(sql)
    assert (stored_version(sql), pending(sql), everything(sql)) == (NEWEST, [NEXT], before)
    assert rows_of(sql, "select run_id from {state}.run") == [("run1",)]


def test_a_later_migration_cut_off_at_any_statement_leaves_the_version_before(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = new_store()
    Story(sql).start("run1")
    before = everything(sql)
    add_migration(monkeypatch, ADDED)
    for place in ("migration.statement=1", "migration.statement=2", "migration.before_commit=1"):
        arm(f"{place}:raise")
        with pytest.raises(InjectedFault):
            migrate(sql)
        assert (stored_version(sql), everything(sql)) == (NEWEST, before)
        assert rows_of(sql, "select run_id from {state}.run") == [("run1",)]


def test_an_empty_database_goes_through_every_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = empty_database()
    add_migration(monkeypatch, ADDED)
    arm("migration.before_commit=2:raise")
    with pytest.raises(InjectedFault):
        migrate(sql)
    assert stored_version(sql) == 1, "the first migration had committed"
    assert migrate(sql) == [*ALL[1:], NEXT]


def test_statements_are_split_at_semicolons_that_end_a_line() -> None:
    text = "-- a; comment;\ncreate table a (b varchar default ';x');\n  -- more;\nselect 1;  \nselect 2"
    assert split_statements(text) == ["create table a (b varchar default ';x')", "select 1", "select 2"]
