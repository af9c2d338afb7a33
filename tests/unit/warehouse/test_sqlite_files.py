"""A SQLite file is copied with its types, as far as its rows are of them; nothing of it is changed, and no other database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock.errors import ConfigError
from penstock.warehouse.sqlite import _BATCH, copy_tables, declared_type, fitting_type, has_extension


@pytest.fixture
def root() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    yield connection
    connection.close()


def made(path: Path, script: str, *rows: tuple[object, ...]) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        if rows:
            connection.executemany(f"insert into t values ({', '.join('?' * len(rows[0]))})", rows)
        connection.commit()
    return path


def copied(root: duckdb.DuckDBPyConnection, path: Path, tables: tuple[str, ...] = ("t",)) -> list[tuple[object, ...]]:
    copy_tables(root, "crm", path, tables)
    return root.execute("select * from crm.t order by all").fetchall()


def types(root: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(root.execute("select column_name, column_type from (describe crm.t)").fetchall())


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("INTEGER", "BIGINT"), ("UNSIGNED BIG INT", "BIGINT"), ("boolean", "BIGINT"), ("VARCHAR(10)", "VARCHAR"), ("NCLOB", "VARCHAR"), ("Text", "VARCHAR"),
        ("BLOB", "BLOB"), ("", "BLOB"), ("REAL", "DOUBLE"), ("DOUBLE PRECISION", "DOUBLE"), ("FLOAT", "DOUBLE"), ("DECIMAL(10, 2)", "DOUBLE"),
        ("NUMERIC", "DOUBLE"), ("DATE", "DATE"), ("DATETIME", "TIMESTAMP"), ("timestamp", "TIMESTAMP"), ("STRING", "VARCHAR"), ("JSON", "VARCHAR"),
    ],
)  # fmt: skip
def test_a_declared_type_means_what_duckdbs_extension_makes_of_it(declared: str, kind: str) -> None:
    assert declared_type(declared) == kind
    assert fitting_type(declared, ()) == kind


@pytest.mark.parametrize(
    ("declared", "found", "kind"),
    [
        ("INTEGER", {"integer"}, "BIGINT"), ("INTEGER", {"large", "integer"}, "BIGINT"), ("INTEGER", {"integer", "real"}, "DOUBLE"), ("INTEGER", {"text"}, "VARCHAR"),
        ("NUMERIC", {"integer", "real"}, "DOUBLE"), ("NUMERIC", {"large"}, "BIGINT"), ("REAL", {"large", "real"}, "VARCHAR"), ("TEXT", {"blob"}, "VARCHAR"),
        ("", {"integer"}, "BIGINT"), ("", {"blob"}, "BLOB"), ("", {"text", "blob"}, "VARCHAR"), ("DATE", {"text"}, "DATE"), ("DATE", {"integer"}, "BIGINT"),
        ("TIMESTAMP", {"text", "integer"}, "VARCHAR"),
    ],
)  # fmt: skip
def test_a_column_that_holds_something_else_gets_the_narrowest_type_for_it(declared: str, found: set[str], kind: str) -> None:
    assert fitting_type(declared, found) == kind


def test_rows_come_with_their_types_and_without_loss(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    script = "create table t (i integer, x real, s text, b blob, d date, m timestamp, n numeric)"
    rows = [
        (2**63 - 1, 0.1, "it's\0ü", b"\x00\xff", "2024-02-29", "2024-02-29T10:00:00.123456", 1.5),
        (None,) * 7,
        (-(2**63), 1, "", b"", "1969-12-31", "2024-01-01", 3),
    ]
    found = copied(root, made(tmp_path / "a.db", script, *rows))
    assert types(root) == {"i": "BIGINT", "x": "DOUBLE", "s": "VARCHAR", "b": "BLOB", "d": "DATE", "m": "TIMESTAMP", "n": "DOUBLE"}
    texts = [(row[0], row[1], row[2], row[3], str(row[4]), str(row[5]), row[6]) for row in found]
    assert texts == [
        (-(2**63), 1.0, "", b"", "1969-12-31", "2024-01-01 00:00:00", 3.0),
        (2**63 - 1, 0.1, "it's\0ü", b"\x00\xff", "2024-02-29", "2024-02-29 10:00:00.123456", 1.5),
        (None, None, None, None, "None", "None", None),
    ]


def test_texts_that_are_no_times_stay_texts(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    rows = [("2024-01-01", "2024-01-01"), ("2024-01-01 12:00", "soon")]
    found = copied(root, made(tmp_path / "a.db", "create table t (d date, m datetime)", *rows))
    assert (types(root), found) == ({"d": "VARCHAR", "m": "VARCHAR"}, rows)


def test_what_is_not_of_the_declared_type_keeps_its_value(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "create table t (i integer, n numeric, s text)", (1, 2**60 + 1, b"\xff"), ("x", 1, "y"))
    assert copied(root, path) == [("1", 2**60 + 1, "\\xff"), ("x", 1, "y")]


def test_batches_make_one_table(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    count = _BATCH * 2 + 1
    script = f"create table t (a integer, b text); with recursive r(i) as (select 1 union all select i + 1 from r where i < {count}) insert into t select i, 'v' || i from r"
    copy_tables(root, "crm", made(tmp_path / "a.db", script), ["t"])
    assert root.execute("select count(*), count(distinct b), sum(a) from crm.t").fetchall() == [(count, count, count * (count + 1) // 2)]


def test_only_the_tables_that_are_asked_for_are_copied_views_too(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    script = 'create table t (a); insert into t values (1); create table other (a); create view "v ""1""" as select a + 1 as "b c" from t; create table empty (a integer)'
    copy_tables(root, 'the "crm"', made(tmp_path / "a.db", script), ["T", 'V "1"', "empty", "no such"])
    assert root.execute('select "b c" from "the ""crm"""."v ""1"""').fetchall() == [(2,)]
    names = "select table_name from duckdb_tables() where database_name = 'the \"crm\"' order by all"
    assert root.execute(names).fetchall() == [("empty",), ("t",), ('v "1"',)]


def test_a_second_look_sees_what_was_changed(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = made(tmp_path / "a.db", "create table t (a integer)", (1,))
    assert copied(root, path) == [(1,)]
    made(path, "delete from t; alter table t add column b text; insert into t values (2, 'x')")
    assert copied(root, path) == [(2, "x")]


def test_generated_columns_are_read(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    script = "create table t (a integer, b integer generated always as (a * 2) virtual); insert into t (a) values (4)"
    assert copied(root, made(tmp_path / "a.db", script)) == [(4, 8)]


def test_the_file_is_not_written(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = made(tmp_path / "it's 100% #1?.db", "create table t (a integer)", (1,))
    before = path.read_bytes()
    assert copied(root, path) == [(1,)]
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (before, [path.name])


def test_a_database_of_a_file_is_never_filled(root: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "own.duckdb")).execute("create table t as select 'mine' as a").close()
    root.execute(f"attach '{tmp_path / 'own.duckdb'}' as crm")
    with pytest.raises(ConfigError, match="another database goes by the name `CRM` already"):
        copy_tables(root, "CRM", made(tmp_path / "a.db", "create table t (a)"), ["t"])
    assert root.execute("from crm.t").fetchall() == [("mine",)]


@pytest.mark.parametrize("content", [b"no database " * 100, None])
def test_a_file_that_is_none_is_told(root: duckdb.DuckDBPyConnection, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(ConfigError, match="SQLite cannot read it"):
        copy_tables(root, "crm", tmp_path / "a.db", ["t"])
    assert (tmp_path / "a.db").exists() is (content is not None)


def test_asking_for_the_extension_downloads_nothing(root: duckdb.DuckDBPyConnection) -> None:
    root.execute("set extension_directory = '/nowhere'")
    assert has_extension(root) is False


VALUE = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(st.characters(exclude_categories=["Cs"])), st.binary()
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(VALUE, min_size=1, max_size=6),
    st.sampled_from(["INTEGER", "REAL", "TEXT", "BLOB", "", "DATE", "TIMESTAMP", "NUMERIC", "BOOLEAN"]),
)
def test_nothing_is_lost_whatever_a_column_was_declared(tmp_path: Path, values: list[object], declared: str) -> None:
    path = tmp_path / "a.db"
    path.unlink(missing_ok=True)
    made(path, f"create table t (n integer, v {declared})", *enumerate(values))
    connection = duckdb.connect()
    copy_tables(connection, "crm", path, ["t"])
    kind = connection.execute("select column_type from (describe crm.t) where column_name = 'v'").fetchall()[0][0]
    found = [row[0] for row in connection.execute("select v from crm.t order by n").fetchall()]
    connection.close()
    with closing(sqlite3.connect(path)) as source:
        stored = [row[0] for row in source.execute("select v from t order by n")]
    assert [value is None for value in found] == [value is None for value in stored]
    if kind in ("BIGINT", "DOUBLE", "BLOB"):
        assert found == stored
    elif all(isinstance(value, str) for value in stored):
        assert kind != "VARCHAR" or found == stored
