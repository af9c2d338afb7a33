"""What every executor of one run shares: identity, connections, compiled queries, versions, and the way to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from penstock.assets.asset import Asset
from penstock.assets.fingerprint import fingerprint
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.records import Strength
from penstock.errors import PenstockError, WarehouseError
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.query import QueryFacts
from penstock.plan.facts import Facts
from penstock.runner.commit import Publication, record_attempt
from penstock.runner.outcomes import Outcome, Status
from penstock.state.store import Statements
from penstock.warehouse.files import observe_files
from penstock.warehouse.protocol import Warehouse


class Queries(Protocol):
    """Where compiled queries come from: a cache, and dbt behind it."""

    def get(self, asset: Asset) -> tuple[str, QueryFacts]:
        """Return the compiled query and what it reads. Raises ProjectError where it cannot be compiled."""

    def learned(self, asset: Asset, sql: str) -> QueryFacts:
        """Take in a query that dbt compiled while it ran the node, and return what it reads."""


@dataclass
class RunContext:
    """One run. `versions` and `existing` change as assets finish: the main thread writes, workers read."""

    run_id: str
    facts: Facts
    warehouse: Warehouse
    schema: str
    queries: Queries
    clock: Callable[[], datetime]
    project_folder: Path
    working_folder: Path
    transactions: bool = True
    tokens: dict[tuple[AssetKey, str], int] = field(default_factory=dict)
    latest_token: dict[AssetKey, int] = field(default_factory=dict)
    versions: dict[AssetKey, str] = field(default_factory=dict)
    existing: dict[RelationName, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    draining: threading.Event = field(default_factory=threading.Event)
    on_built: Callable[[AssetKey, str], None] | None = None
    on_interrupt: Callable[[], None] | None = None
    _local: threading.local = field(default_factory=threading.local)
    _open: list[Statements] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def graph(self) -> AssetGraph:
        """The graph of this run."""
        return self.facts.graph

    def hold(self, tokens: Mapping[tuple[AssetKey, str], int]) -> None:
        """Take in the tokens of claims that this run made."""
        with self._lock:
            for (key, partition), token in tokens.items():
                self.tokens[key, partition] = token
                self.latest_token[key] = max(token, self.latest_token.get(key, 0))

    def statements(self, *, ingest: bool = False) -> Statements:
        """Return this thread's connection with the state's queries; ingestion has one of its own with its search path."""
        name = "ingest" if ingest else "main"
        if not hasattr(self._local, name):
            connection = self.warehouse.connect(str(self.project_folder) if ingest else "")
            statements = Statements(connection, self.schema)
            with self._lock:
                self._open.append(statements)
            setattr(self._local, name, statements)
        found: Statements = getattr(self._local, name)
        return found

    def interrupt(self) -> None:
        """Stop every statement that runs now."""
        self.stopping.set()
        with self._lock:
            for statements in self._open:
                statements.connection.interrupt()
        if self.on_interrupt is not None:
            self.on_interrupt()

    def close(self) -> None:
        """Give every connection back."""
        with self._lock:
            for statements in self._open:
                statements.connection.close()
            self._open.clear()

    def relation_built(self, asset: Asset) -> None:
        """Note that a relation stands now, here and in dbt's own cache."""
        if asset.relation is None:
            return
        kind = "view" if asset.materialized == "view" else "table"
        self.existing[RelationName(*asset.relation.normalised(self.facts.database))] = kind
        if self.on_built is not None:
            self.on_built(asset.key, kind)

    def existing_type(self, relation: RelationName) -> str | None:
        """Return `table` or `view` for a relation that stands, None for one that does not."""
        return self.existing.get(RelationName(*relation.normalised(self.facts.database)))

    def consumed(self, number: int, query: QueryFacts) -> dict[str, str]:
        """Return the versions of everything an asset is about to read, looked at before it reads.

        An input whose version nobody knows is left out; the planner then finds it changed, which means build.
        """
        found: dict[str, str] = {}
        for parent in self.facts.inputs[number]:
            key = self.graph.assets[parent].key
            version = self.versions.get(key) or self.facts.version(key)
            if version is not None:
                found[key] = version
        asset = self.graph.assets[number]
        prefix, base = ("file:", self.project_folder) if asset.ingest else ("cwd:", self.working_folder)
        for pattern in dict.fromkeys((*(asset.ingest.watch if asset.ingest else ()), *query.files)):
            seen = observe_files(f"{prefix}{pattern}", pattern, base)
            found[seen.asset] = seen.version if seen.strength != Strength.UNKNOWN else "unknown"
        for table in self.undeclared(number, query):
            found[f"table:{table.sql}"] = self.observe(table)
        return found

    def undeclared(self, number: int, query: QueryFacts) -> list[RelationName]:
        """Return the tables a query reads without `ref` or `source`."""
        asset = self.graph.assets[number]
        declared = {
            relation.normalised(self.facts.database)
            for parent in (*self.facts.inputs[number], *self.graph.parents[number])
            if (relation := self.graph.assets[parent].relation) is not None
        }
        if asset.relation is not None:
            declared.add(asset.relation.normalised(self.facts.database))
        return [table for table in query.tables if table.normalised(self.facts.database) not in declared]

    def observe(self, table: RelationName) -> str:
        """Return the content version of a table, `unknown` where it cannot be read."""
        with suppress(WarehouseError):
            return str(self.statements().run("observe", relation=table.sql)[0][0])
        return "unknown"

    def publication(
        self, number: int, *, executor: str, relation_type: str, query: QueryFacts, started_at: datetime, partition: str = ""
    ) -> Publication:
        """Return what the record of an attempt at an asset will say."""
        asset = self.graph.assets[number]
        inputs = self.consumed(number, query)
        relation = asset.relation
        return Publication(
            run_id=self.run_id,
            asset=asset.key,
            token=self.tokens[asset.key, partition],
            relation=relation.sql if relation else "",
            relation_name=str(relation or ""),
            relation_type=relation_type,
            code_version=asset.fingerprint,
            executor=executor,
            inputs=inputs,
            started_at=started_at,
            partition=partition,
            volatile=volatile_text(query),
            view_version="code:" + fingerprint({"code": asset.fingerprint, "inputs": inputs}) if relation_type != "table" else "",
        )

    @property
    def failure(self) -> Status:
        """What going wrong means now: cancelled while the run is being stopped, an error otherwise."""
        return Status.CANCELLED if self.stopping.is_set() else Status.ERROR

    def record_failure(self, what: Publication, message: str) -> None:
        """Answer the claim of an attempt that did not succeed."""
        status = "cancelled" if self.failure is Status.CANCELLED else "failed"
        record_attempt(self.statements(), what, status, message, self.clock())

    def give_up(self, number: int, message: str, started_at: datetime) -> None:
        """Answer a claim whose asset failed before its executor could: the query did not compile, say."""
        asset = self.graph.assets[number]
        token = self.tokens.get((asset.key, ""))
        if token is not None:
            with suppress(PenstockError):
                self.record_failure(Publication(self.run_id, asset.key, token, "", "", "", asset.fingerprint, "", {}, started_at), message)

    def outcome(
        self,
        number: int,
        status: Status,
        executor: str,
        message: str,
        started_at: datetime,
        *,
        rows: int | None = None,
        failures: int | None = None,
        inputs_version: str = "",
        volatile: str = "",
        undeclared: tuple[str, ...] = (),
    ) -> Outcome:
        """Return how an asset ended, as of now."""
        now = self.clock()
        return Outcome(
            id=number, asset=self.graph.assets[number], status=status, executor=executor, message=message, started_at=started_at,
            finished_at=now, seconds=(now - started_at).total_seconds(), rows=rows, failures=failures,
            inputs_version=inputs_version, volatile=volatile, undeclared=undeclared,
        )  # fmt: skip

    def test_volatility(self, number: int, query: QueryFacts) -> str:
        """Say why a test may come out otherwise next time; what it reads beyond its declared inputs counts too."""
        read = (*query.files, *(str(table) for table in self.undeclared(number, query)))
        return volatile_text(QueryFacts(volatile=query.volatile, unknown=(*query.unknown, *read), error=query.error))


def volatile_text(query: QueryFacts) -> str:
    """Say why a query gives other rows at another time; empty where nothing suggests it."""
    if query.error:
        return f"the query could not be read: {query.error}"[:200]
    return ", ".join((*(f"{name}()" for name in query.volatile), *query.unknown))
