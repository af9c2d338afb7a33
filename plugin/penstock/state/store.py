"""The store: the schema of the state tables, its version, and the migrations between versions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from penstock.assets.names import quote
from penstock.errors import StateError
from penstock.state.queries import parameters, sql_file, statement
from penstock.warehouse.failpoints import failpoint
from penstock.warehouse.protocol import Connection, Row

SCHEMA_VERSION = 6


class Statements:
    """The named queries of one store on one connection; every statement is a fail point before and after."""

    def __init__(self, connection: Connection, schema: str, database: str = "") -> None:
        """`database` is that of an attached store; none means the connection's own."""
        self.connection = connection
        self.name = schema
        self.database = database
        self.schema = f"{quote(database)}.{quote(schema)}" if database else quote(schema)

    def run(self, name: str, values: Mapping[str, Any] | None = None, *, relation: str = "") -> list[Row]:
        """Run one named query; of `values` only what it names is bound."""
        wanted = parameters(name)
        bound = {key: value for key, value in (values or {}).items() if key in wanted}
        failpoint(f"{name}.before")
        rows = self.connection.execute(statement(name, self.schema, relation), bound)
        failpoint(f"{name}.after")
        return rows

    def run_all(self, names: Sequence[str], values: Mapping[str, Any]) -> dict[str, list[Row]]:
        """Run several named queries that read as one statement, so that they see one state."""
        parts = ", ".join(f"(select list(q) from ({statement(name, self.schema)}) as q)" for name in names)
        wanted = frozenset().union(*map(parameters, names))
        found = self.connection.execute(f"select {parts}", {key: value for key, value in values.items() if key in wanted})[0]
        return {name: [tuple(row.values()) for row in rows or ()] for name, rows in zip(names, found, strict=True)}


def migrations() -> list[tuple[int, str]]:
    """Return every migration as (version it leads to, SQL), in order."""
    folder = files("penstock.state").joinpath("sql", "migrations")
    found = sorted(path.name for path in folder.iterdir() if path.name.endswith(".sql"))
    return [(int(name.split("_")[0]), sql_file(f"migrations/{name}")) for name in found]


def stored_version(statements: Statements, *, exists: bool = False) -> int:
    """Return the version of the stored schema, 0 where there is none; `exists` saves the look whether there is.

    Raises StateError for a newer one.
    """
    found = exists or statements.connection.execute(
        "select count(*) from duckdb_tables() "
        "where lower(schema_name) = lower($name) and table_name = 'meta' "
        "and lower(database_name) = lower(if($database = '', current_database(), $database))",
        {"name": statements.name, "database": statements.database},
    )
    if found is not True and not found[0][0]:
        return 0
    rows = statements.run("schema_version")
    version = int(rows[0][0]) if rows else 0
    if version > SCHEMA_VERSION:
        raise StateError(
            f"the state tables have version {version}, this Penstock knows up to {SCHEMA_VERSION}",
            hint="Install the newer Penstock that wrote them.",
        )
    return version


def pending(statements: Statements) -> list[int]:
    """Return the versions still to come; reads only."""
    version = stored_version(statements)
    return [number for number, _ in migrations() if number > version]


def migrate(statements: Statements) -> list[int]:
    """Bring the store up to date and return the versions reached; each migration and its note commit together.

    Killed anywhere, the store is at one version or the next, never between.
    """
    known = dict(migrations())
    wanted = pending(statements)
    for version in wanted:
        _apply(statements, version, known[version], views=version == wanted[-1])
    return wanted


def create_fresh(statements: Statements) -> None:
    """Make the newest schema in one step, as the tests compare it with the migrated one."""
    _apply(statements, SCHEMA_VERSION, sql_file("schema.sql"), views=True)


def _apply(statements: Statements, version: int, text: str, *, views: bool) -> None:
    """Apply one migration; the views are those of the newest schema, so only the last migration makes them."""
    connection = statements.connection
    connection.begin()
    try:
        connection.execute(f"create schema if not exists {statements.schema}")
        for part in (*split_statements(text), *(split_statements(sql_file("views.sql")) if views else ())):
            connection.execute(part.replace("{state}", statements.schema))
            failpoint("migration.statement")
        statements.run("remove_meta", {"key": "schema_version"})
        statements.run("set_meta", {"key": "schema_version", "value": str(version)})
        failpoint("migration.before_commit")
        connection.commit()
        failpoint("migration.after_commit")
    except BaseException:
        connection.rollback()
        raise


def split_statements(text: str) -> list[str]:
    """Split one of our own SQL files at the semicolons that end a line, comments taken out."""
    bare = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)
    return [part.strip() for part in re.split(r";\s*$", bare, flags=re.MULTILINE) if part.strip()]
