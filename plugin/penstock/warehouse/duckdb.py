"""DuckDB: one writer process, transactional DDL, a cursor for each thread."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from penstock.assets.names import RelationName
from penstock.errors import ConfigError, PenstockError, WarehouseBusy, WarehouseError
from penstock.warehouse.duckdb_profile import attach_statement, connection_statements, session_statements
from penstock.warehouse.lock import busy
from penstock.warehouse.protocol import Capabilities, Row, Standing
from penstock.warehouse.sqlite import copy_tables, has_extension

CAPABILITIES = Capabilities(dialect="duckdb", transactions=True, transactional_ddl=True, single_writer_process=True)

_LOCKED = re.compile(r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)", re.DOTALL)
_POLL_SECONDS = 0.2


_COUNTED_AT_ONCE = 100


class DuckDBConnection:
    """One cursor of an open database."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._open = False

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run one statement; engine errors come as WarehouseError with the first lines of the engine's message."""
        try:
            result = self._cursor.execute(sql, dict(parameters) if parameters else None)
            return result.fetchall() if result.description else []
        except duckdb.Error as error:
            raise WarehouseError(_explained(error)) from error

    def begin(self) -> None:
        """Open a transaction."""
        self.execute("begin transaction")
        self._open = True

    def commit(self) -> None:
        """Commit. After a failed statement DuckDB rolls back here without an error: read back before believing it."""
        self.execute("commit")
        self._open = False

    def rollback(self) -> None:
        """Give the open transaction up."""
        if self._open:
            self._open = False
            with suppress(duckdb.Error):
                self._cursor.rollback()

    def interrupt(self) -> None:
        """Stop the statement that runs now."""
        self._cursor.interrupt()

    def close(self) -> None:
        """Give the cursor back."""
        with suppress(duckdb.Error):
            self._cursor.close()


_CATALOG = """
select lower(r.database_name), lower(r.schema_name), lower(r.table_name), r.kind,
    list(c.column_name order by c.column_index), list(c.data_type order by c.column_index)
from (
    select database_name, schema_name, table_name, 'table' as kind from duckdb_tables()
    union all
    select database_name, schema_name, view_name, 'view' from duckdb_views() where not internal
) as r
join duckdb_columns() as c using (database_name, schema_name, table_name)
group by all
"""


class DuckDBWarehouse:
    """One open DuckDB file (or an in-memory database, for tests)."""

    capabilities = CAPABILITIES

    def __init__(self, root: duckdb.DuckDBPyConnection, target: Mapping[str, Any], attach: Sequence[Mapping[str, Any]] = ()) -> None:
        self._root = root
        self._session = tuple(session_statements(target))
        try:
            for statement in connection_statements(target):
                root.execute(statement)
            for attachment in attach:
                _attach(root, attachment)
        except duckdb.Error as error:
            root.close()
            raise ConfigError(f"the profile's connection settings do not work: {_message(error)}") from error
        except PenstockError:
            root.close()
            raise

    @classmethod
    def in_memory(cls) -> DuckDBWarehouse:
        """Return a new in-memory database."""
        return cls(duckdb.connect(":memory:"), {})

    def connect(self, search_path: str = "") -> DuckDBConnection:
        """Return a cursor with the target's settings; `search_path` is where relative file names in SQL are looked for.

        Raises ConfigError for a setting that DuckDB does not take.
        """
        cursor = self._root.cursor()
        try:
            for statement in self._session:
                cursor.execute(statement)
            if search_path:
                cursor.execute("set session file_search_path = $path", {"path": search_path})
        except duckdb.Error as error:
            raise ConfigError(f"the profile's settings do not work: {_message(error)}") from error
        return DuckDBConnection(cursor)

    def catalog(self, schemas: Sequence[tuple[str, str]]) -> dict[RelationName, Standing]:
        """Return the relations of the given (database, schema) pairs; their names are folded to lower case."""
        wanted = {(database.lower(), schema.lower()) for database, schema in schemas}
        found: dict[RelationName, Standing] = {}
        for database, schema, name, kind, columns, types in self._root.cursor().execute(_CATALOG).fetchall():
            if (database, schema) in wanted:
                found[RelationName(database, schema, name)] = Standing(kind, tuple(zip(columns, types, strict=True)))
        return found

    def row_counts(self, relations: Sequence[RelationName]) -> dict[RelationName, int]:
        """Return the number of rows of tables, some at a time: DuckDB takes 15 times as long for 5,000 in one statement."""
        counts = [f"select {number}, count(*) from {name.sql}" for number, name in enumerate(relations)]
        found: dict[RelationName, int] = {}
        for first in range(0, len(counts), _COUNTED_AT_ONCE):
            rows = self._root.cursor().execute(" union all ".join(counts[first : first + _COUNTED_AT_ONCE])).fetchall()
            found.update({relations[number]: int(count) for number, count in rows})
        return found

    def own_functions(self) -> frozenset[str]:
        """Return the names of the macros that were made in this database."""
        rows = self._root.cursor().execute("select distinct lower(function_name) from duckdb_functions() where not internal").fetchall()
        return frozenset(row[0] for row in rows)

    def close(self) -> None:
        """Close the file; other processes may then open it."""
        with suppress(duckdb.Error):
            self._root.close()


def open_duckdb(
    path: Path, target: Mapping[str, Any], *, read_only: bool = False, wait_seconds: float = 0, attach: Sequence[Mapping[str, Any]] = ()
) -> DuckDBWarehouse:
    """Open a database file with the target's settings.

    Raises WarehouseBusy when another process has it (after `wait_seconds`; negative: wait for ever), ConfigError when
    the file cannot be opened or is no DuckDB database.
    """
    deadline = time.monotonic() + wait_seconds
    config = dict(target.get("config_options") or {})  # exactly dbt-duckdb's own, or the two could not share the file
    while True:
        try:
            return DuckDBWarehouse(duckdb.connect(str(path), read_only=read_only, config=config), target, attach)
        except WarehouseBusy:  # something attached is
            if wait_seconds >= 0 and time.monotonic() >= deadline:
                raise
        except duckdb.Error as error:
            locked = _LOCKED.search(str(error))
            if locked is None:
                raise ConfigError(f"cannot open {path.name}: {_message(error)}", hint=_remedy(error)) from error
            if wait_seconds >= 0 and time.monotonic() >= deadline:
                raise busy(path, _holder(locked)) from error
        time.sleep(_POLL_SECONDS)


def _attach(root: duckdb.DuckDBPyConnection, attachment: Mapping[str, Any]) -> None:
    """Attach one database; a SQLite file that DuckDB cannot read itself is copied, `tables` of it."""
    alias, path = str(attachment.get("alias") or ""), str(attachment.get("path") or "")
    try:
        own = root.execute("select current_database()").fetchone()
        if own is not None and alias.lower() == str(own[0]).lower():
            raise ConfigError(f"`attach: {alias}` is the name of the target's own database", hint="Attach it under another name.")
        if str(attachment.get("type")).lower() == "sqlite" and not has_extension(root):
            copy_tables(root, alias, Path(path), attachment.get("tables") or ())
        else:
            root.execute(attach_statement(attachment))
    except ConfigError as error:
        raise ConfigError(f"cannot attach `{alias}` ({path}): {error.message}", hint=error.hint) from error
    except duckdb.Error as error:
        locked = _LOCKED.search(str(error))
        if locked is not None:
            raise busy(Path(path), _holder(locked)) from error
        raise ConfigError(f"cannot attach `{alias}` ({path}): {_message(error)}", hint="Check `attach:` in penstock.yml.") from error


def _holder(locked: re.Match[str]) -> str:
    return f"{Path(locked['program'].strip()).name} (pid {locked['pid']})"


def _explained(error: duckdb.Error) -> str:
    """Return the engine's message, with a remedy where it has a common one."""
    text = _message(error)
    full = any(words in text for words in ("No space left", "File too large", "disk is full", "Disk quota"))
    return f"{text}\nFree some disk space and build again: what was written before is still there." if full else text


def _remedy(error: duckdb.Error) -> str:
    text = str(error)
    if "not a valid DuckDB database" in text:
        return "Check `path:` in profiles.yml; that file is something else."
    if "No such file" in text or "does not exist" in text:
        return "Check the folder in `path:` in profiles.yml."
    if "newer version" in text or "storage version" in text:
        return "That file was written by another DuckDB version; use the same one."
    return "Check `path:` in profiles.yml and the file's permissions."


def _message(error: duckdb.Error) -> str:
    """Return the engine's message without its stack trace and its pointer lines."""
    lines = [line.rstrip() for line in str(error).strip().splitlines()]
    kept = []
    for line in lines:
        if line.startswith("Stack Trace"):
            break
        kept.append(line)
    return "\n".join(kept).strip()
