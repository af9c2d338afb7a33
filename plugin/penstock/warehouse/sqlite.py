"""SQLite files where DuckDB has no extension for them: Python reads them into a database in memory that goes by their name.

Declared types mean what they mean to DuckDB's extension (source: its `TypeToLogicalType`; https://sqlite.org/datatype3.html).
SQLite lets a column hold what it was not declared to: such a column gets the narrowest type that holds all of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.assets.names import quote
from penstock.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

_BATCH = 50_000
_EXACT = 2**53
"""Larger whole numbers are not exact as DOUBLE."""

_DECLARED = (
    (("int", "bool"), "BIGINT"), (("char", "clob", "text"), "VARCHAR"), (("blob",), "BLOB"), (("real", "floa", "doub"), "DOUBLE"),
    (("time",), "TIMESTAMP"), (("dec", "num"), "DOUBLE"),
)  # fmt: skip
_HOLDS: Mapping[str, frozenset[str]] = {
    "BIGINT": frozenset({"integer", "large"}),
    "DOUBLE": frozenset({"integer", "real"}),
    "BLOB": frozenset({"blob"}),
    "VARCHAR": frozenset({"integer", "large", "real", "text", "blob"}),
    "DATE": frozenset({"text"}),
    "TIMESTAMP": frozenset({"text"}),
}
"""Which of SQLite's storage classes a type holds, the narrowest first; `large` are whole numbers beyond a DOUBLE's."""

_READ_AS: Mapping[str, str] = {"DOUBLE": "cast({} as real)", "VARCHAR": "cast({} as text)"}


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: str

    @property
    def is_time(self) -> bool:
        return self.kind in ("DATE", "TIMESTAMP")

    @property
    def stored(self) -> str:
        """Its type as long as nobody knows whether all of its texts are times."""
        return "VARCHAR" if self.is_time else self.kind


def has_extension(root: duckdb.DuckDBPyConnection) -> bool:
    """Whether DuckDB can read SQLite files itself; asking for what is not installed would make it download."""
    query = "select count(*) from duckdb_extensions() where extension_name = 'sqlite_scanner' and (installed or loaded)"
    found = root.execute(query).fetchone()
    return bool(found and found[0])


def copy_tables(root: duckdb.DuckDBPyConnection, alias: str, path: Path, tables: Collection[str]) -> None:
    """Attach a database in memory under a name and fill it with tables or views of a SQLite file, as they are at one moment.

    Names that the file does not have are left to the query that asks for them. Raises ConfigError for a file that cannot be
    read, and for a name that another database goes by.
    """
    root.execute(f"attach if not exists ':memory:' as {quote(alias)} (read_write)")  # or it would be as the target is
    taken = root.execute("select path from duckdb_databases() where lower(database_name) = lower($alias)", {"alias": alias}).fetchone()
    if taken is None or taken[0] is not None:
        raise ConfigError(f"another database goes by the name `{alias}` already", hint="Attach it under another name.")
    wanted = {name.lower() for name in tables}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as source:
            source.text_factory = lambda text: text.decode("utf-8", "backslashreplace")
            source.execute("begin")
            names = [row[0] for row in source.execute("select name from sqlite_master where type in ('table', 'view')")]
            for name in names:
                if name.lower() in wanted:
                    _copy(root, source, f"{quote(alias)}.main.{quote(name)}", name)
    except sqlite3.Error as error:
        raise ConfigError(f"SQLite cannot read it: {error}", hint="Check the path, and that the file is a SQLite database.") from error


def declared_type(declared: str) -> str:
    """Return the type that a declared one means; "" stands for BLOB, as in DuckDB's extension.

    >>> declared_type("VARCHAR(20)"), declared_type("DATETIME"), declared_type("date")
    ('VARCHAR', 'TIMESTAMP', 'DATE')
    """
    text = declared.lower()
    if text == "date":
        return "DATE"
    if not text:
        return "BLOB"
    return next((kind for words, kind in _DECLARED if any(word in text for word in words)), "VARCHAR")


def fitting_type(declared: str, found: Collection[str]) -> str:
    """Return the type of a column that holds some storage classes: the declared one if that holds them."""
    wanted = declared_type(declared)
    return next(kind for kind in (wanted, *_HOLDS) if _HOLDS[kind].issuperset(found))


def _copy(root: duckdb.DuckDBPyConnection, source: sqlite3.Connection, target: str, table: str) -> None:
    columns = _columns(source, table)
    root.execute(f"create or replace table {target} ({', '.join(f'{quote(one.name)} {one.stored}' for one in columns)})")
    rows = ", ".join(f"unnest($c{number}::{one.stored}[])" for number, one in enumerate(columns))
    for batch in _batches(source, table, columns):
        values = {f"c{number}": list(column) for number, column in enumerate(zip(*batch, strict=True))}
        root.execute(f"insert into {target} select {rows}", values)
    for one in columns:
        if one.is_time:
            _make_time(root, target, one)


def _columns(source: sqlite3.Connection, table: str) -> list[_Column]:
    """Look at what each column holds, with one pass over the table."""
    declared = source.execute("select name, type from pragma_table_xinfo(?) where hidden <> 1", (table,)).fetchall()
    classes = ", ".join(
        f"group_concat(distinct case when typeof({quote(name)}) = 'integer' and {quote(name)} not between {-_EXACT} and {_EXACT} "
        f"then 'large' else typeof({quote(name)}) end)"
        for name, _ in declared
    )
    found = source.execute(f"select {classes} from {quote(table)}").fetchone()
    return [
        _Column(name, fitting_type(kind or "", set((words or "").split(",")) - {"null", ""}))
        for (name, kind), words in zip(declared, found, strict=True)
    ]


def _batches(source: sqlite3.Connection, table: str, columns: Sequence[_Column]) -> Iterator[list[tuple[Any, ...]]]:
    listed = ", ".join(_READ_AS.get(one.kind, "{}").format(quote(one.name)) for one in columns)
    cursor = source.execute(f"select {listed} from {quote(table)}")
    while batch := cursor.fetchmany(_BATCH):
        yield batch


def _make_time(root: duckdb.DuckDBPyConnection, target: str, one: _Column) -> None:
    """Make times of a column's texts, if all of them are; a date must not lose a time of day."""
    column = quote(one.name)
    same = (
        f"cast(try_cast({column} as date) as varchar) = {column}" if one.kind == "DATE" else f"try_cast({column} as timestamp) is not null"
    )
    other = root.execute(f"select count(*) from {target} where {column} is not null and not coalesce({same}, false)").fetchone()
    if other == (0,):
        root.execute(f"alter table {target} alter column {column} set data type {one.kind} using cast({column} as {one.kind})")
