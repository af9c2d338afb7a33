"""A look at a database that nobody has open, in plain SQL, without Penstock's code."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from tests.kill import project

Slice = tuple[str, str]
"""An asset and a partition."""


@dataclass
class Judge:
    """Looks at one database file that nobody else has open."""

    database: Path

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        self.connection.execute(f"attach '{self.database}' as {self.home} (read_only)")
        self.connection.execute(f"use {self.home}")

    @property
    def home(self) -> str:
        """The quoted name of the attached database."""
        return f'"{self.database.stem}"'

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    @property
    def has_store(self) -> bool:
        """Whether a migration ever committed."""
        return bool(
            self.ask("select 1 from duckdb_schemas() where schema_name = ? and database_name = current_database()", [project.STATE])
        )

    def relations(self) -> dict[str, str]:
        """Return what stands in the output schema."""
        rows = self.ask(
            "select table_name, 'table' from duckdb_tables() where schema_name = 'out' and database_name = current_database() union all "
            "select view_name, 'view' from duckdb_views() where schema_name = 'out' and database_name = current_database()"
        )
        return {name: kind for name, kind in rows}  # noqa: C416 (dict() would lose the types)

    def content(self, relation: str, start: datetime | None = None, end: datetime | None = None) -> tuple[str, int]:
        """Return content version and number of rows of a relation or of one of its days; no column here has a type of special values."""
        where = f" where day >= timestamp '{start}' and day < timestamp '{end}'" if start else ""
        columns = self.ask(f"select column_name, column_type from (describe select * from {relation})")
        hashed = ", ".join([*(f'"{name}"' for name, _ in columns), *("null" for _ in columns)])
        schema = hashlib.md5("\n".join(f"{name} {kind}" for name, kind in columns).encode(), usedforsecurity=False).hexdigest()
        total, rows = self.ask(f"select coalesce(sum(hash({hashed})), 0)::varchar, count(*) from {relation}{where}")[0]
        return f"rows:{rows}:{total}:{schema}", int(rows)

    def newer(self, token: int) -> int:
        """Return how many records came after a token."""
        return (
            int(self.ask(f"select count(*) from {project.STATE}.materialization where token > ?", [token])[0][0]) if self.has_store else 0
        )


def latest(judge: Judge) -> dict[Slice, tuple[int, str, int | None]]:
    """Return the last record of everything: token, version and rows."""
    rows = judge.ask(
        f"select asset, partition, max(token), max_by(data_version, token), max_by(coalesce(rows, -1), token) "
        f"from {project.STATE}.materialization group by all"
    )
    return {(asset, name): (token, version, None if count < 0 else count) for asset, name, token, version, count in rows}


def last_run(judge: Judge) -> str:
    """Return the id of the last run that began, "" before the first."""
    return str(judge.ask(f"select coalesce(max(run_id), '') from {project.STATE}.run")[0][0])
