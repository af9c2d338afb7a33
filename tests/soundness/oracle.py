"""What dbt would have: everything built after every edit, from dbt's own compiled SQL in a fresh database, or by `dbt build` itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from shapes import Seed

WAREHOUSE = "PENSTOCK_SOUNDNESS_WAREHOUSE"


@dataclass(frozen=True)
class Contents:
    """What a reader sees of a relation: kind, columns as a query and as the catalog have them, rows as a sorted bag."""

    kind: str
    columns: tuple[tuple[str, str], ...]
    catalog: tuple[tuple[str, str], ...]
    rows: tuple[str, ...]

    def differs(self, other: Contents | None) -> str:
        """Say how; empty where it does not."""
        if other is None:
            return "is not there"
        if self.kind != other.kind:
            return f"a {other.kind} instead of a {self.kind}"
        if self.columns != other.columns or self.catalog != other.catalog:
            return f"columns {other.columns} {other.catalog} instead of {self.columns} {self.catalog}"
        missing = [row for row in self.rows if row not in other.rows]
        extra = [row for row in other.rows if row not in self.rows]
        return f"rows: missing {missing[:2]}, extra {extra[:2]} of {len(self.rows)}" if self.rows != other.rows else ""


def read(connection: duckdb.DuckDBPyConnection, database: str = "warehouse") -> dict[str, Contents]:
    """Return every relation of schema `main`, by name."""
    found = connection.execute(
        "select table_name, 'table' from duckdb_tables() where database_name = $1 and schema_name = 'main' union all "
        "select view_name, 'view' from duckdb_views() where database_name = $1 and schema_name = 'main' and not internal", [database],
    ).fetchall()  # fmt: skip
    catalog: dict[str, list[tuple[str, str]]] = {}
    columns = "select table_name, column_name, data_type from duckdb_columns() where database_name = ? and schema_name = 'main' order by column_index"
    for name, column, kind in connection.execute(columns, [database]).fetchall():
        catalog.setdefault(name, []).append((column, kind))
    return {name: _contents(connection, f'"{database}".main."{name}"', kind, tuple(catalog.get(name, ()))) for name, kind in found}


def read_file(path: Path) -> dict[str, Contents]:
    """Read a database file."""
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        return read(connection)


def _contents(connection: duckdb.DuckDBPyConnection, relation: str, kind: str, catalog: tuple[tuple[str, str], ...]) -> Contents:
    try:
        result = connection.execute(f"select * from {relation}")
        columns = tuple((str(column[0]), str(column[1])) for column in result.description or ())
        return Contents(kind, columns, catalog, tuple(sorted(map(repr, result.fetchall()))))
    except duckdb.Error as error:
        return Contents(kind, (), catalog, (str(error).splitlines()[0],))


@dataclass(frozen=True)
class Compiled:
    """A node as dbt compiled it: its query, and what it reads."""

    name: str
    kind: str
    materialized: str
    relation: str
    sql: str


@dataclass
class Truth:
    """A state of the world after an edit: relations, test failures by unique_id, and the compiled queries by name."""

    relations: dict[str, Contents]
    failures: dict[str, int]
    queries: dict[str, str]
    by_dbt: frozenset[str] = frozenset()


class Dbt:
    """dbt in this process on one project, with a database and a target folder of its own."""

    def __init__(self, project: Path, home: Path) -> None:
        self.project = project
        self.home = home
        self.database = home / "warehouse.duckdb"
        self.manifest: Any = None
        self._before = home / "before"
        self._before.mkdir(parents=True)

    def parse(self) -> None:
        """Parse, and keep the manifest of the time before for `state:modified`."""
        written = self.home / "target" / "manifest.json"
        if written.exists():
            shutil.copy(written, self._before / "manifest.json")
        self.manifest = self._invoke("parse")

    def compiled(self) -> list[Compiled]:
        """Return all nodes in an order in which they can be built; raises where dbt cannot compile."""
        return _nodes(self._invoke("compile"))

    def built(self) -> Truth:
        """Let dbt build everything; raises where anything but a test with a warning is not well."""
        outcome = self._invoke("build")
        failures = {result.node.unique_id: int(result.failures or 0) for result in outcome.results if result.node.resource_type == "test"}
        return Truth(read_file(self.database), failures, {node.name: node.sql for node in _nodes(outcome)})

    def modified(self, sources: Collection[str]) -> frozenset[str]:
        """Return the names that `state:modified+ source_status:fresher+` selects, where those sources were touched."""
        if not (self._before / "manifest.json").exists():
            return frozenset()
        keys = self._invoke(
            "ls", "--select", "state:modified+", "--state", str(self._before), "--output", "json", "--output-keys", "unique_id"
        )
        found = {line.split('"')[3] for line in keys}
        open_keys = [key for key, source in self.manifest.sources.items() if source.name in sources]
        while open_keys:
            for child in self.manifest.child_map[open_keys.pop()]:
                if child not in found:
                    found.add(child)
                    open_keys.append(child)
        # what lies below modified nodes is in already; what lies below sources was walked through
        return frozenset(key.split(".")[2] for key in found if key.startswith(("model.", "seed.")))

    def _invoke(self, *words: str) -> Any:
        places = ["--project-dir", str(self.project), "--profiles-dir", str(self.project), "--target-path", str(self.home / "target")]
        quiet = ["--log-level", "none", "--log-level-file", "none", "--no-send-anonymous-usage-stats", "--quiet"]
        os.environ[WAREHOUSE] = str(self.database)
        try:
            outcome = dbtRunner(manifest=None if words[0] == "parse" else self.manifest).invoke([*words, *places, *quiet])
        finally:
            DuckDBConnectionManager.close_all_connections()
            del os.environ[WAREHOUSE]
        if not outcome.success:
            said = [
                f"{one.node.unique_id}: {one.message}" for one in getattr(outcome.result, "results", ()) if one.status in ("error", "fail")
            ]
            raise AssertionError(f"dbt {words[0]}: {outcome.exception or said}")
        return outcome.result


def _nodes(outcome: Any) -> list[Compiled]:
    nodes = {result.node.unique_id: result.node for result in outcome.results}
    return [_compiled(nodes[key]) for key in _ordered(nodes, {key: node.depends_on_nodes for key, node in nodes.items()})]


def _compiled(node: Any) -> Compiled:
    materialized = str(node.config.materialized)
    name = node.unique_id if node.resource_type == "test" else node.name
    return Compiled(name, str(node.resource_type), materialized, node.relation_name or "", str(getattr(node, "compiled_code", "") or ""))


def _ordered(nodes: Iterable[str], parents: dict[str, list[str]]) -> list[str]:
    done: dict[str, None] = {}

    def visit(key: str) -> None:
        if key in parents and key not in done:
            for parent in parents[key]:
                visit(parent)
            done[key] = None

    for key in nodes:
        visit(key)
    return list(done)


@dataclass
class Fresh:
    """An in-memory database in which everything is built anew from compiled queries; only the sources stay."""

    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def __post_init__(self) -> None:
        self.connection.execute("attach ':memory:' as warehouse; use warehouse; create schema raw")

    def built(self, nodes: Iterable[Compiled], seeds: dict[str, Seed]) -> Truth:
        """Drop everything and build it; no relation of an earlier state stands."""
        for name, kind in self.connection.execute(
            "select table_name, 'table' from duckdb_tables() where schema_name = 'main' union all "
            "select view_name, 'view' from duckdb_views() where schema_name = 'main' and not internal"
        ).fetchall():
            self.connection.execute(f'drop {kind} main."{name}"')
        failures: dict[str, int] = {}
        queries: dict[str, str] = {}
        for node in nodes:
            try:
                if node.kind == "test":
                    failures[node.name] = self.connection.execute(f"select count(*) from ({node.sql})").fetchall()[0][0]
                elif node.materialized != "ephemeral":
                    query = seeds[node.name].sql() if node.kind == "seed" else node.sql
                    queries[node.name] = query
                    self.connection.execute(f"create {'view' if node.materialized == 'view' else 'table'} {node.relation} as {query}")
            except duckdb.Error as error:
                raise AssertionError(f"the generator made what cannot be built: {node.name}: {error}\n{node.sql}") from error
        return Truth(read(self.connection), failures, queries)
