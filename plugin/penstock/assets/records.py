"""What the state tables say of an asset, as values: one frozen class for each kind of row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from penstock.assets.names import AssetKey


@dataclass(frozen=True, slots=True)
class Materialization:
    """The current materialization of an asset or of one of its partitions; times are UTC.

    `code_version` is that of the query as it counts; `fingerprints` are the raw ones known to mean the same.
    """

    asset: AssetKey
    partition: str
    run_id: str
    token: int
    code_version: str
    data_version: str
    rows: int | None
    relation: str
    committed_at: datetime
    relation_type: str = "table"
    volatile: str = ""
    fingerprints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class InputVersion:
    """One version of one input, as it was read; `columns` are the lower-case names that were read of it, None all."""

    input: AssetKey
    version: str
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PartitionRecord:
    """What stands on record of one partition that an asset holds; `high_water` is how far a cursor came with it."""

    run_id: str
    token: int
    code_version: str
    data_version: str
    rows: int
    committed_at: datetime
    fingerprint: str = ""
    high_water: str | None = None


@dataclass(frozen=True, slots=True)
class PartitionCost:
    """What one partition of an asset took so far: rows and seconds, on average."""

    rows: float
    seconds: float


def schema_part(version: str) -> str:
    """Return the part of a content version that stands for columns and types alone."""
    return version.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Drift:
    """A relation that holds something else than was recorded: its version now, and what differs."""

    version: str
    detail: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The latest result of a test or check."""

    check: AssetKey
    status: str
    code_version: str
    run_id: str
    inputs_version: str = ""
    volatile: str = ""
    fingerprints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attempt:
    """The latest attempt at an asset."""

    asset: AssetKey
    partition: str
    status: str
    run_id: str
    error: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """A check that may fail until then (UTC), and why."""

    until: datetime
    reason: str


class Strength:
    """How far an observation can be trusted; only what is not `unknown` may ever permit a skip."""

    CONTENT = "content"
    LISTING = "listing"
    LOADS = "loads"
    LOADED_AT = "loaded_at"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of an input that Penstock does not build: its version and the strength of that evidence."""

    asset: AssetKey
    version: str
    strength: str
    detail: str = ""

    @property
    def known(self) -> str | None:
        """The version, None where the evidence permits nothing."""
        return self.version if self.strength != Strength.UNKNOWN else None


Projection = tuple[AssetKey, str, tuple[str, ...]]
"""An asset, a version of it, and sorted lower-case names of some of its columns."""


@dataclass(frozen=True, slots=True)
class StateSnapshot:
    """The state at one moment; empty mappings where nothing was recorded yet.

    `materializations` holds each asset's latest one; `failed_partitions` those whose last attempt did not succeed,
    `interrupted_partitions` those where it was only interrupted; `crashed` are assets whose claim no attempt ever answered;
    `blocked` those whose latest rows tests kept from readers, with the tests and the run; `waivers` by test; `projections` are
    the versions of some columns alone.
    `partitions` is what assets with partitions hold, by key, `partition_inputs` what each of those consumed; `agreed` are the
    versions of inputs that all partitions of an asset agree with; `partition_costs` say what its partitions took.
    """

    materializations: Mapping[AssetKey, Materialization] = field(default_factory=dict)
    inputs: Mapping[AssetKey, tuple[InputVersion, ...]] = field(default_factory=dict)
    attempts: Mapping[AssetKey, Attempt] = field(default_factory=dict)
    attempt_tokens: Mapping[AssetKey, int] = field(default_factory=dict)
    checks: Mapping[AssetKey, CheckResult] = field(default_factory=dict)
    projections: Mapping[Projection, str] = field(default_factory=dict)
    failed_partitions: Mapping[AssetKey, tuple[str, ...]] = field(default_factory=dict)
    interrupted_partitions: Mapping[AssetKey, tuple[str, ...]] = field(default_factory=dict)
    crashed: frozenset[AssetKey] = frozenset()
    blocked: Mapping[AssetKey, tuple[tuple[AssetKey, ...], str]] = field(default_factory=dict)
    waivers: Mapping[AssetKey, Waiver] = field(default_factory=dict)
    partitions: Mapping[AssetKey, Mapping[str, PartitionRecord]] = field(default_factory=dict)
    partition_inputs: Mapping[AssetKey, Mapping[str, tuple[InputVersion, ...]]] = field(default_factory=dict)
    agreed: Mapping[tuple[AssetKey, str], str] = field(default_factory=dict)
    partition_costs: Mapping[AssetKey, PartitionCost] = field(default_factory=dict)

    def is_waived(self, check: AssetKey, now: datetime) -> bool:
        """Whether a check may fail as of now."""
        waiver = self.waivers.get(check)
        return waiver is not None and now < waiver.until
