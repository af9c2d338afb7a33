"""The nouns: what the graph is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from penstock.assets.check import CheckSpec
from penstock.assets.names import AssetKey, RelationName


class Kind(StrEnum):
    """dbt's resource types, and three of Penstock's own: ingest, check and file."""

    SOURCE = "source"
    INGEST = "ingest"
    SEED = "seed"
    MODEL = "model"
    SNAPSHOT = "snapshot"
    FUNCTION = "function"
    TEST = "test"
    UNIT_TEST = "unit_test"
    CHECK = "check"
    EXPOSURE = "exposure"
    METRIC = "metric"
    SEMANTIC_MODEL = "semantic_model"
    SAVED_QUERY = "saved_query"
    ANALYSIS = "analysis"
    OPERATION = "operation"
    FILE = "file"


RELATION_KINDS = frozenset({Kind.INGEST, Kind.SEED, Kind.MODEL, Kind.SNAPSHOT, Kind.FUNCTION})
DATA_TEST_KINDS = frozenset({Kind.TEST, Kind.CHECK})
"""What looks at rows: dbt's data tests and check files."""

TEST_KINDS = DATA_TEST_KINDS | {Kind.UNIT_TEST}


class EdgeKind(StrEnum):
    """Why two assets are connected: rows flow along data and producer edges, a test edge leads to a test."""

    DATA = "data"
    PRODUCER = "producer"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column; the type is empty where the YAML does not say. `not_null`: a contract's constraint says so."""

    name: str
    data_type: str = ""
    description: str = ""
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class TestSpec:
    """What dbt's test materialization needs beside the compiled query; source: dbt's `get_test_sql`."""

    __test__ = False

    name: str = ""
    namespace: str = ""
    attached_node: AssetKey = ""
    column: str = ""
    severity: str = "ERROR"
    fail_calc: str = "count(*)"
    warn_if: str = "!= 0"
    error_if: str = "!= 0"
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What a dbt source says of itself."""

    source_name: str
    loader: str = ""
    loaded_at_field: str = ""
    loaded_at_query: str = ""
    external_location: str = ""
    freshness: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IngestSpec:
    """One ingestion file: the query as written and how its rows are stored; `batch` is a number of partitions, or `all`."""

    path: str
    sql: str
    write: str = "replace"
    watch: tuple[str, ...] = ()
    attach: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    error: str = ""
    first_line: int = 1
    partitions: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    cursor: Mapping[str, Any] = field(default_factory=dict)
    batch: int | str = 1
    schema_change: str = "fail"
    required: bool = False
    retries: Mapping[str, Any] = field(default_factory=dict)
    timeout: str = ""
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """One node of the graph, as dbt's manifest or an ingestion file declares it.

    `fingerprint` is the raw code version; `config_version` hashes what its query does not say, "" where the query is not
    all that makes it; `obstacles` are the reasons why the native executor leaves it to dbt;
    `empty` is a node without code, which dbt lists but never runs; `recompile` says that its Jinja reads the warehouse
    or the clock, so that a compiled query must never be reused.
    """

    key: AssetKey
    kind: Kind
    name: str
    package: str = ""
    path: str = ""
    fqn: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    relation: RelationName | None = None
    materialized: str = ""
    fingerprint: str = ""
    config_version: str = ""
    language: str = "sql"
    description: str = ""
    owner: str = ""
    group: str = ""
    access: str = ""
    version: str = ""
    latest_version: str = ""
    patch_path: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    obstacles: tuple[str, ...] = ()
    recompile: bool = False
    empty: bool = False
    test: TestSpec | None = None
    check: CheckSpec | None = None
    source: SourceSpec | None = None
    ingest: IngestSpec | None = None

    @property
    def is_test(self) -> bool:
        """A data test, a check or a unit test."""
        return self.kind in TEST_KINDS

    @property
    def is_data_test(self) -> bool:
        """A data test or a check."""
        return self.kind in DATA_TEST_KINDS

    @property
    def blocks(self) -> bool:
        """Whether what reads the tested assets has to wait for this test, and stays as it is when it fails."""
        return self.is_test and (self.check is None or self.check.blocking)

    @property
    def is_plain_source(self) -> bool:
        """A dbt source that no ingestion file loads."""
        return self.kind is Kind.SOURCE and self.ingest is None

    @property
    def microbatch(self) -> bool:
        """A model that dbt runs batch by batch, by event time."""
        return self.materialized == "incremental" and self.config.get("incremental_strategy") == "microbatch"

    @property
    def penstock(self) -> Mapping[str, Any]:
        """What `meta.penstock` says, empty where it is no mapping."""
        wishes = (self.config.get("meta") or {}).get("penstock")
        return wishes if isinstance(wishes, Mapping) else {}

    @property
    def lookback(self) -> int:
        """How many earlier periods a run does again, as dbt counts them: one where nothing is said."""
        found = self.config.get("lookback")
        return found if isinstance(found, int) and found >= 0 else 1

    @property
    def on_code_change(self) -> str:
        """What becomes of an incremental model whose code changed: `run` goes on with its table, `full_refresh`, or `fail`."""
        found = self.config.get("on_code_change") or self.penstock.get("on_code_change") or "run"
        return str(found) if self.materialized == "incremental" else "run"

    @property
    def ephemeral(self) -> bool:
        """A model that exists only inside its readers' queries."""
        return self.kind is Kind.MODEL and self.materialized == "ephemeral"

    @property
    def builds_relation(self) -> bool:
        """Whether a build writes a table, a view or a function for it."""
        if self.ingest is not None:
            return True
        return self.kind in RELATION_KINDS and not self.ephemeral

    @property
    def executable(self) -> bool:
        """Whether a build has anything to run for it."""
        return (self.builds_relation or self.is_test) and not self.empty
