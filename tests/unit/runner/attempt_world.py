"""One run over ingestion files on an in-memory DuckDB: the real context, claims and native executor, and no wait."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from penstock.assets.asset import Asset, IngestSpec, Kind
from penstock.assets.limits import Limits, Retries
from penstock.assets.names import RelationName
from penstock.assets.records import StateSnapshot
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts
from penstock.runner.context import RunContext
from penstock.runner.limits import Attempts
from penstock.runner.native import run_native
from penstock.runner.outcomes import Outcome
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse

NOON = datetime(2024, 3, 14, 12, 0)
EAGER = Retries(attempts=3, backoff=0.0, on=frozenset({"any"}))
ENDLESS = "select count(*) as n from range(100000000) a(i), range(100000000) b(j) where i * j % 7 = 3"


def flaky(times: int, words: str = "connection lost") -> str:
    """A query that fails that many times: a sequence does not go back when a transaction does."""
    return f"select case when nextval('flaky') <= {times} then error('{words}') else 42 end as n"


@dataclass
class World:
    """Runs ingestion files by name."""

    queries: dict[str, str]
    limits: Limits = field(default_factory=lambda: Limits(EAGER))
    waits: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.warehouse = DuckDBWarehouse.in_memory()
        self.sql = Statements(self.warehouse.connect(), "penstock")
        migrate(self.sql)
        self.sql.connection.execute("create sequence flaky")
        assets = [
            Asset(f"ingest.main.{name}", Kind.INGEST, name, relation=RelationName("memory", "main", name), materialized="replace",
                  fingerprint=name, ingest=IngestSpec(f"ingest/main/{name}.sql", sql))
            for name, sql in self.queries.items()
        ]  # fmt: skip
        graph = AssetGraph(assets, [])
        ticks = itertools.count()
        self.context = RunContext(
            run_id="r1", facts=Facts(graph, StateSnapshot(), frozenset(range(len(assets))), database="memory"), warehouse=self.warehouse,
            schema="penstock", queries=NO_QUERIES, clock=lambda: NOON + timedelta(seconds=next(ticks)),
            project_folder=Path(), working_folder=Path(),
        )  # fmt: skip
        self.claim((asset.key, "") for asset in assets)
        self.attempts = Attempts(
            self.context, dict.fromkeys(range(len(assets)), self.limits), sleep=self.waits.append, chance=lambda: 0.5, tell=self.told.append
        )

    def claim(self, slices: Iterable[tuple[str, str]]) -> None:
        """Claim before the run begins."""
        self.context.hold(StateWriter(self.sql).claim("r1", list(slices), NOON))

    def run(self, name: str) -> Outcome:
        """Run one of them as a build does."""
        return self.attempts.run(self.context.graph.ids[f"ingest.main.{name}"], lambda number: run_native(self.context, number))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return self.sql.connection.execute(sql)

    def recorded(self, name: str) -> list[tuple[Any, ...]]:
        """Return status and error of each attempt in the order of their tokens."""
        return self.rows(f"select status, error from penstock.attempt where asset = 'ingest.main.{name}' order by token")


class _NoQueries:
    """Ingestion files bring their own."""

    def get(self, asset: Asset) -> Any:
        raise AssertionError(asset)

    def has(self, asset: Asset) -> bool:
        return False

    def learned(self, asset: Asset, sql: str) -> Any:
        raise AssertionError(asset)


NO_QUERIES = _NoQueries()
