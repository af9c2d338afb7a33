"""Read-side use cases: `status`, `runs`, `lineage` and `store` ask the state's views, and nothing else."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from penstock.app.holding import held_database
from penstock.app.settings import Settings
from penstock.assets.names import quote
from penstock.errors import SelectionError, StateError
from penstock.plan.names import display
from penstock.state.freshness import Lateness, lateness_of
from penstock.state.store import SCHEMA_VERSION, Statements, migrate, pending, stored_version
from penstock.warehouse.duckdb import open_duckdb

PUBLIC_VIEWS = (
    "asset_status", "freshness", "data_freshness", "partition_status", "run_history", "run_steps",
    "check_history", "check_failures", "metric_history", "column_metric_history", "column_history",
    "lineage", "lineage_closure", "column_lineage", "column_lineage_closure",
)  # fmt: skip

_COLLECTED = (
    "decision",
    "attempt",
    "check_result",
    "check_sample",
    "observation",
    "projection",
    "agreed_input",
    "partition_gap",
    "materialization_input",
    "column_metric",
    "materialization",
    "run_end",
    "run",
)

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of the recorded lineage."""

    parent: str
    child: str
    kind: str


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column of a relation and the latest that became of it: `added`, `retyped` (from the type `before`) or `removed`.

    `at` is when the run started that built it so (UTC), None for a run that is forgotten.
    """

    column: str
    data_type: str
    change: str
    before: str | None
    run_id: str
    at: datetime | None


class StateReader:
    """The state's views on an open, read-only database."""

    def __init__(self, sql: Statements) -> None:
        self._sql = sql

    def query(self, name: str, values: Mapping[str, Any] | None = None) -> Rows:
        """Run one of the named `show_` queries."""
        return self._sql.run(name, values)

    def lateness(self, now: datetime) -> dict[str, Lateness]:
        """Return how old the data is of each asset with freshness criteria."""
        return lateness_of(self._sql, now)

    def lineage(self) -> list[Edge]:
        """Return the recorded lineage."""
        return [Edge(*row) for row in self._sql.run("show_lineage")]

    def columns_of(self, asset: str) -> list[ColumnChange]:
        """Return the recorded columns of an asset in order, then those that are gone; nothing where none were recorded."""
        return [ColumnChange(*row) for row in self._sql.run("show_column_changes", {"asset": asset})]

    def find_asset(self, name: str) -> str:
        """Return the key of the recorded asset that people call so. Raises SelectionError for none or several."""
        keys = {str(row[0]): str(row[1]) for row in self._sql.run("show_status")}
        found = [key for key, relation in keys.items() if name in (key, display(key), relation, key.rpartition(".")[2])]
        if len(found) == 1:
            return found[0]
        if found:
            raise SelectionError(f"`{name}` could be {', '.join(found)}", hint="Use the full name.")
        near = difflib.get_close_matches(name, [display(key) for key in keys], 3)
        raise SelectionError(
            f"no asset `{name}` is on record", hint=f"Did you mean {', '.join(near)}?" if near else "See `penstock status`."
        )

    def find_run(self, prefix: str) -> tuple[Any, ...]:
        """Return the one run whose id begins so, the latest for an empty prefix. Raises SelectionError otherwise."""
        rows = self._sql.run("show_run", {"prefix": prefix})
        if not rows:
            raise SelectionError(f"there is no run `{prefix}`", hint="See `penstock runs`.")
        if len(rows) > 1 and prefix and rows[0][0] != prefix:
            raise SelectionError(f"several runs begin with `{prefix}`", hint="Give more of the id.")
        return rows[0]


@contextmanager
def reading(settings: Settings, wait_seconds: float = 0) -> Iterator[StateReader]:
    """Open the state for reading. Raises StateError where nothing was ever built."""
    with open_state(settings, wait_seconds, read_only=True) as sql:
        if stored_version(sql) == 0:
            raise StateError(_nothing_yet(settings), hint="Run `penstock build` first.")
        yield StateReader(sql)


def migrate_store(settings: Settings, wait_seconds: float = 0) -> list[int]:
    """Bring the state tables up to date and return the versions reached."""
    with locked_state(settings, "store migrate", wait_seconds) as sql:
        return migrate(sql)


def store_status(settings: Settings) -> dict[str, Any]:
    """Return version, pending migrations, sizes and the last run; reads only."""
    with open_state(settings, 0, read_only=True) as sql:
        version = stored_version(sql)
        sizes = sql.run("table_sizes", {"schema": settings.file.state_schema}) if version else []
        last = sql.run("last_run") if version else []
        return {
            "schema": settings.file.state_schema,
            "version": version,
            "newest": SCHEMA_VERSION,
            "pending": pending(sql),
            "rows": dict(sizes),
            "last_run": last[0] if last else None,
        }


def export_store(settings: Settings, folder: Path) -> list[Path]:
    """Write every public view as a CSV file and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with open_state(settings, 0, read_only=True) as sql:
        if stored_version(sql) == 0:
            raise StateError(_nothing_yet(settings), hint="Run `penstock build` first.")
        if pending(sql):
            raise StateError("the state tables are of an earlier version", hint="Run `penstock store migrate` first.")
        for view in PUBLIC_VIEWS:
            name = f"{sql.schema}.{quote(view)}"
            columns = [row[0] for row in sql.connection.execute(f"describe {name}")]
            path = folder / f"{view}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows(sql.connection.execute(f"select * from {name}"))
            written.append(path)
    return written


def collect_garbage(settings: Settings, before: datetime) -> int:
    """Forget runs older than `before` (UTC) of which nothing current remains; return how many. One transaction."""
    with locked_state(settings, "store gc") as sql:
        runs = [row[0] for row in sql.run("gc_runs", {"before": before})]
        sql.connection.begin()
        try:
            sql.run("gc_source_freshness", {"before": before})  # looks at sources belong to no run
            for table in _COLLECTED if runs else ():
                sql.run(f"gc_{table}", {"runs": runs})
            sql.connection.commit()
        except BaseException:
            sql.connection.rollback()
            raise
        return len(runs)


@contextmanager
def locked_state(settings: Settings, command: str, wait_seconds: float = 0) -> Iterator[Statements]:
    """Open the state tables for writing, alone. Raises WarehouseBusy where another process holds the database."""
    with held_database(settings, command, wait_seconds), open_state(settings, wait_seconds, read_only=False) as sql:
        yield sql


@contextmanager
def open_state(settings: Settings, wait_seconds: float, *, read_only: bool) -> Iterator[Statements]:
    """Open the state tables. Raises StateError where there is no database yet."""
    path = settings.database_path
    if not path.exists():
        raise StateError(_nothing_yet(settings), hint="Run `penstock build` first.")
    warehouse = open_duckdb(path, settings.profile.raw, read_only=read_only, wait_seconds=wait_seconds)
    try:
        connection = warehouse.connect()
        yield Statements(connection, settings.file.state_schema)
        connection.close()
    finally:
        warehouse.close()


def _nothing_yet(settings: Settings) -> str:
    return f"{settings.database_path.name} holds no state yet"
