"""What every executor of one run shares: identity, connections, compiled queries, versions, and the way to stop."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from penstock.assets.asset import Asset, Kind
from penstock.assets.code_version import code_version
from penstock.assets.fingerprint import fingerprint
from penstock.assets.metrics import USUAL, Metrics
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSpec
from penstock.assets.records import InputVersion, Materialization, Observation, PartitionRecord
from penstock.errors import PenstockError, WarehouseError
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.query import QueryFacts, reads_for
from penstock.parser.reads import Reads
from penstock.plan.conditions import volatile_wish
from penstock.plan.facts import Facts
from penstock.runner.audit import Audits
from penstock.runner.commit import Committed, Publication, record_attempt
from penstock.runner.data_tests import SharedScans
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.projections import Projections
from penstock.state.content import canonical_in, content_of
from penstock.state.store import Statements
from penstock.warehouse.files import observe_files
from penstock.warehouse.protocol import Warehouse


class Queries(Protocol):
    """Where compiled queries come from: a cache, and dbt behind it."""

    def get(self, asset: Asset) -> tuple[str, QueryFacts]:
        """Return the compiled query and what it reads. Raises ProjectError where it cannot be compiled."""

    def has(self, asset: Asset) -> bool:
        """Whether the query is there without compiling."""

    def learned(self, asset: Asset, sql: str) -> QueryFacts:
        """Take in a query that dbt compiled while it ran the node, and return what it reads."""


@dataclass
class RunContext:
    """One run. `versions` and `existing` change as assets finish."""

    run_id: str
    facts: Facts
    warehouse: Warehouse
    schema: str
    queries: Queries
    clock: Callable[[], datetime]
    project_folder: Path
    working_folder: Path
    transactions: bool = True
    observe_files: Callable[[str, str, Path], Observation] = observe_files
    tokens: dict[tuple[AssetKey, str], int] = field(default_factory=dict)
    existing: dict[RelationName, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    draining: threading.Event = field(default_factory=threading.Event)
    on_built: Callable[[AssetKey, str], None] | None = None
    on_interrupt: Callable[[], None] | None = None
    newest_first: bool = False
    max_active: int = 1
    threads: int = 1
    metrics: Mapping[AssetKey, Metrics] = field(default_factory=dict)
    checks_chosen: bool = False
    warn_error: bool = False
    on_partitions: Callable[[Asset, PartitionRange, str, int, int], None] | None = None
    _local: threading.local = field(default_factory=threading.local)
    _open: list[Statements] = field(default_factory=list)
    _narrowed: dict[tuple[str, frozenset[str]], dict[str, frozenset[str] | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.versions = self.facts.new_versions()
        self.projections = Projections(self)
        self.audits = Audits(self)
        self.shared_scans = SharedScans(self)

    @property
    def graph(self) -> AssetGraph:
        """The graph of this run."""
        return self.facts.graph

    def hold(self, tokens: Mapping[tuple[AssetKey, str], int]) -> None:
        """Take in the tokens of claims that this run made."""
        with self._lock:
            for (key, partition), token in tokens.items():
                self.tokens[key, partition] = token

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

    def redefine(self, key: AssetKey, spec: PartitionSpec) -> None:
        """Let an asset have these partitions from now on; of those that were chosen, the ones that it still has."""
        with self._lock:
            if spec != self.facts.specs[key]:
                chosen = {name: spec.from_keys(each.keys())[0] if name == key else each for name, each in self.facts.chosen.items()}
                self.facts = dataclasses.replace(self.facts, specs={**self.facts.specs, key: spec}, chosen=chosen)

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

    def consumed(self, number: int, query: QueryFacts, *, view: bool) -> list[InputVersion]:
        """Return the versions of everything an asset is about to read, looked at before it reads.

        A view's own inputs are those it names; a table's are also what lies behind views. An input whose version nobody
        knows is left out; the planner then finds it changed, which means build.
        """
        reads = self._reads(number, {} if query.error else {table: query.reads.get(table) for table in query.tables})
        consumed = self.versions.consumed(reads, through_views=not view, narrow=self._narrow)
        known = {seen.input for seen in consumed}
        for name in self.versions.behind(reads, self._narrow) if not view else ():
            if name not in known and name not in self.graph:  # a file, or a table nobody declared, that a view reads
                consumed.append(InputVersion(name, self._look_at(name)))
        asset = self.graph.assets[number]
        prefix = "file:" if asset.ingest else "cwd:"
        for pattern in dict.fromkeys((*(asset.ingest.watch if asset.ingest else ()), *query.files)):
            consumed.append(InputVersion(f"{prefix}{pattern}", self._look_at(f"{prefix}{pattern}")))
        if asset.relation is not None and asset.relation.normalised(self.facts.database) in self._tables(query):
            consumed.append(InputVersion(asset.key, self.versions.of(asset.key) or "none"))  # its own rows, as they were
        undeclared = (f"table:{table.sql}" for table in self.undeclared(number, query))
        consumed += [InputVersion(name, self._look_at(name)) for name in undeclared]
        self.projections.keep_of_sources(consumed)
        return list({seen.input: seen for seen in consumed}.values())

    def _look_at(self, name: str) -> str:
        """Return the version of an input that is no asset, `unknown` where it cannot be told."""
        kind, _, place = name.partition(":")
        if kind == "table":
            with suppress(WarehouseError):
                return content_of(self.statements(), place).version
            return "unknown"
        return self.observe_files(name, place, self.project_folder if kind == "file" else self.working_folder).known or "unknown"

    def _narrow(self, name: AssetKey, columns: frozenset[str]) -> dict[str, frozenset[str] | None] | None:
        """Return what a view reads for the sake of some of its columns, if its query is at hand and it is made by it."""
        asset = self.graph[name]
        if asset.fingerprint not in self.versions.fingerprints(name) or not self.queries.has(asset):
            return None
        key = (asset.fingerprint, columns)
        if key not in self._narrowed:
            reads = reads_for(self.queries.get(asset)[0], self.warehouse.capabilities.dialect, columns)
            self._narrowed[key] = self._reads(self.graph.ids[name], reads)
        return self._narrowed[key]

    def _reads(self, number: int, reads: Reads) -> dict[str, frozenset[str] | None]:
        """Return the declared inputs of an asset, each with the columns its query reads; None where that is not known.

        One relation may be written in several ways, and is read in all of them.
        """
        known: dict[tuple[str, str, str], frozenset[str] | None] = {}
        for table, columns in reads.items():
            name = table.normalised(self.facts.database)
            before = known.get(name, frozenset())
            known[name] = None if columns is None or before is None else before | columns
        found: dict[str, frozenset[str] | None] = {}
        for parent in self.facts.inputs[number]:
            asset = self.graph.assets[parent]
            found[asset.key] = known.get(asset.relation.normalised(self.facts.database)) if asset.relation else None
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
        own = self.schema.lower() if asset.check is not None else ""  # where the metrics are that a check may read
        return [table for table in query.tables if table.normalised(self.facts.database) not in declared and table.schema.lower() != own]

    def _tables(self, query: QueryFacts) -> set[tuple[str, str, str]]:
        return {table.normalised(self.facts.database) for table in query.tables}

    def publication(
        self, number: int, *, executor: str, relation_type: str, query: QueryFacts, started_at: datetime, partition: str = ""
    ) -> Publication:
        """Return what the record of an attempt at an asset will say."""
        asset = self.graph.assets[number]
        inputs = self.consumed(number, query, view=relation_type == "view")
        relation = asset.relation
        code = code_version(asset, canonical_in(self.statements(), query))
        return Publication(
            run_id=self.run_id,
            asset=asset.key,
            token=self.tokens[asset.key, partition],
            relation=relation.sql if relation else "",
            relation_name=str(relation or ""),
            relation_type=relation_type,
            code_version=code,
            fingerprint=asset.fingerprint,
            executor=executor,
            inputs=inputs,
            started_at=started_at,
            partition=partition,
            volatile=self._volatility(number, query),
            checks=self.audits.of(number),
            metrics=self.metrics.get(asset.key, USUAL),
            function_version="code:" + fingerprint({"code": code, **{seen.input: seen.version for seen in inputs}}),
        )

    def partition_publication(self, number: int, query: QueryFacts, started_at: datetime) -> Publication:
        """Return what the records of some partitions of an asset will share; tokens and inputs are each one's own."""
        asset = self.graph.assets[number]
        relation = asset.relation
        return Publication(
            run_id=self.run_id, asset=asset.key, token=0, relation=relation.sql if relation else "", relation_name=str(relation or ""),
            relation_type="table", code_version=code_version(asset, canonical_in(self.statements(), query)),
            fingerprint=asset.fingerprint, executor="native", inputs=(), started_at=started_at, volatile=self._volatility(number, query),
            checks=self.audits.of(number), metrics=self.metrics.get(asset.key, USUAL),
        )  # fmt: skip

    def read_columns(self, number: int, query: QueryFacts) -> dict[str, tuple[str, ...] | None]:
        """Return the columns that a query reads of each declared input, None for all."""
        reads = self._reads(number, {} if query.error else {table: query.reads.get(table) for table in query.tables})
        return {name: None if columns is None else tuple(sorted(columns)) for name, columns in reads.items()}

    def built_partitions(
        self, made: Materialization, records: Mapping[str, PartitionRecord], inputs: Mapping[str, tuple[InputVersion, ...]], *, anew: bool
    ) -> None:
        """Take in partitions that were committed, for those who read the asset next: all that it holds counts."""
        with self._lock:
            self.versions.built_partitions(made.asset, records, inputs, anew=anew)
            self.versions.built(made, inputs[made.partition])

    def committed(self, what: Publication, done: Committed) -> None:
        """Take in what was committed, for those who read it next; of one with partitions, all of them count."""
        version = str(self.statements().run("version_of", {"asset": what.asset})[0][0]) if what.partition else done.version
        made = Materialization(
            what.asset, what.partition, what.run_id, what.token, what.code_version, version, done.rows, what.relation_name,
            what.started_at, what.relation_type, what.volatile, frozenset({what.fingerprint}),
        )  # fmt: skip
        with self._lock:
            self.versions.built(made, what.inputs)

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
                self.record_failure(Publication(self.run_id, asset.key, token, "", "", "", "", "", (), started_at), message)

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
        code_version: str = "",
        undeclared: tuple[str, ...] = (),
    ) -> Outcome:
        """Return how an asset ended, as of now."""
        now = self.clock()
        return Outcome(
            id=number, asset=self.graph.assets[number], status=status, executor=executor, message=message, started_at=started_at,
            finished_at=now, seconds=(now - started_at).total_seconds(), rows=rows, failures=failures,
            inputs_version=inputs_version, volatile=volatile, code_version=code_version, undeclared=undeclared,
        )  # fmt: skip

    def test_volatility(self, number: int, query: QueryFacts) -> str:
        """Say why a test may come out otherwise next time; what it reads beyond its declared inputs counts too."""
        read = (*query.files, *(str(table) for table in self.undeclared(number, query)))
        return self._volatility(number, dataclasses.replace(query, unknown=(*query.unknown, *read)))

    def _volatility(self, number: int, query: QueryFacts) -> str:
        """Say why an asset may come out otherwise next time; what `meta.penstock.volatile` says goes before."""
        wish = volatile_wish(self.graph.assets[number])
        if wish is not None:
            return "meta.penstock.volatile" if wish else ""
        foreign = sorted(self._foreign_functions.intersection(query.functions))
        return volatile_text(
            dataclasses.replace(query, unknown=(*query.unknown, *(f"{name}(), whose text is not known" for name in foreign)))
        )

    @cached_property
    def _foreign_functions(self) -> frozenset[str]:
        """The functions and macros that somebody made in the database, dbt's own function nodes left out."""
        known = {asset.relation.identifier.lower() for asset in self.graph.assets if asset.kind is Kind.FUNCTION and asset.relation}
        return self.warehouse.own_functions() - known


def volatile_text(query: QueryFacts) -> str:
    """Say why a query gives other rows at another time; empty where nothing suggests it."""
    if query.error:
        return f"the query could not be read: {query.error}"[:200]
    return ", ".join((*(f"{name}()" for name in query.volatile), *query.unknown))
