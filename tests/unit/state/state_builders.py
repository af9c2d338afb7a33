"""A store filled by hand, with the real commit protocol and the real writer: no dbt, no files, one in-memory database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.assets.names import RelationName
from penstock.assets.records import InputVersion, Observation, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.runner.commit import Publication, publish, record_attempt
from penstock.state.store import Statements, migrate
from penstock.state.writer import CheckRow, DecisionRow, RunEndRow, RunRow, StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse

NOON = datetime(2024, 3, 14, 12, 0)


def empty_database() -> Statements:
    """An in-memory database without a store."""
    return Statements(DuckDBWarehouse.in_memory().connect(), "penstock")


def new_store() -> Statements:
    """A store at the newest version, without a row."""
    sql = empty_database()
    migrate(sql)
    return sql


def asset(key: str, code: str = "code", **more: Any) -> Asset:
    """An asset; its kind is what its key begins with."""
    relation = RelationName("", "main", key.rsplit(".", maxsplit=1)[-1])
    return Asset(
        key=key, kind=Kind(key.split(".", maxsplit=1)[0]), name=key.rsplit(".", maxsplit=1)[-1], fingerprint=code, relation=relation, **more
    )


def graph(*texts: str, **codes: str) -> AssetGraph:
    """A graph of texts such as `model.a -> model.b`; `codes` are fingerprints by name."""
    pairs = [tuple(part.strip() for part in text.split("->")) for text in texts]
    keys = {key for pair in pairs for key in pair}
    edges = [(above, below, EdgeKind.DATA) for above, *rest in pairs for below in rest]
    return AssetGraph([asset(key, codes.get(key.split(".")[-1], "code")) for key in sorted(keys)], edges)


class Story:
    """What happened, told run by run; run ids and times follow each other."""

    def __init__(self, sql: Statements) -> None:
        self.sql = sql
        self.writer = StateWriter(sql)
        self.now = NOON
        self.run = ""

    def start(self, run: str, decisions: Mapping[str, str] | None = None, seen: Mapping[str, str] | None = None) -> None:
        """Begin a run one day after the one before."""
        self.run = run
        self.now += timedelta(days=1)
        rows = [DecisionRow(key, "", decision, "forced", "") for key, decision in (decisions or {}).items()]
        observed = [Observation(name, version, Strength.LISTING) for name, version in (seen or {}).items()]
        self.writer.start_run(RunRow(run, self.now, "build", "dev", "", "", "0", "0", 1), rows, observed)

    def end(self, status: str = "success") -> None:
        """End the run."""
        self.writer.end_run(RunEndRow(self.run, self.now, status, 1, 0, 0, 0))

    def claim(self, key: str, partition: str = "") -> int:
        """Claim one asset for the run."""
        return self.writer.claim(self.run, [(key, partition)], self.now)[key, partition]

    def build(
        self, key: str, partition: str = "", inputs: Mapping[str, str] | Iterable[InputVersion] = (), code: str = "code", rows: int = 1,
        view: bool = False,
    ) -> str:  # fmt: skip
        """Build an asset well, of numbers up to `rows`, and return its version."""
        consumed = tuple(InputVersion(*item) for item in inputs.items()) if isinstance(inputs, Mapping) else tuple(inputs)
        what = self._publication(key, partition, consumed, code, f"(select * from range({rows}))", "view" if view else "table")
        return publish(self.sql, what, lambda: None, lambda: self.now).version

    def fail(self, key: str, error: str = "it broke", partition: str = "", status: str = "failed") -> int:
        """Fail to build an asset and return the token of the attempt."""
        what = self._publication(key, partition, (), "code", "")
        record_attempt(self.sql, what, status, error, self.now)
        return what.token

    def check(self, key: str, status: str, of: str = "model.a") -> None:
        """Record a test's result."""
        failures = {"pass": 0, "error": None}.get(status, 3)
        row = CheckRow(key, of, status, "ERROR", failures, f"it is {status}", "code", "", "", self.now, 0.5)
        self.writer.check_results(self.run, [row])

    def _publication(
        self, key: str, partition: str, inputs: tuple[InputVersion, ...], code: str, relation: str, kind: str = "table"
    ) -> Publication:
        return Publication(
            run_id=self.run, asset=key, partition=partition, token=self.claim(key, partition), relation=relation, relation_name=key,
            relation_type=kind, code_version=f"1:{code}", fingerprint=code, executor="native", inputs=inputs, started_at=self.now,
        )  # fmt: skip


def rows_of(sql: Statements, query: str) -> list[tuple[Any, ...]]:
    """Run a query in which `{state}` stands for the quoted schema."""
    return sql.connection.execute(query.replace("{state}", sql.schema))
