"""What running code may write: runs, decisions, claims, results and the graph. Data's own records are in runner/commit.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from penstock.assets.asset import Asset
from penstock.assets.definition import Definitions
from penstock.assets.freshness import SourceAge, asset_criteria
from penstock.assets.names import AssetKey
from penstock.assets.records import Observation
from penstock.assets.redact import redact
from penstock.graph.asset_graph import AssetGraph
from penstock.state.definitions import record_definitions
from penstock.state.store import Statements


@dataclass(frozen=True, slots=True)
class RunRow:
    """One row of `run`."""

    run_id: str
    started_at: datetime
    command: str
    target: str
    selection: str
    git_sha: str
    penstock_version: str
    dbt_version: str
    threads: int


@dataclass(frozen=True, slots=True)
class RunEndRow:
    """One row of `run_end`; counts are assets and tests."""

    run_id: str
    finished_at: datetime
    status: str
    built: int
    reused: int
    failed: int
    skipped: int


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One row of `decision`."""

    asset: AssetKey
    partition: str
    decision: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A partition that should be held and is not: `missing`, or `waiting` for its files."""

    partition: str
    start: datetime | None
    end: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One row of `check_result`; `failures` is None where the test itself broke.

    `partition` names the partitions that it looked at, "" for all rows; `when` is `before_publish` or `after`; `total` is the
    number of rows it looked at, None where nobody counted them; `samples` are failing rows as JSON objects.
    """

    check: AssetKey
    asset: AssetKey
    status: str
    severity: str
    failures: int | None
    message: str
    code_version: str
    inputs_version: str
    volatile: str
    checked_at: datetime
    seconds: float
    fingerprint: str = ""
    partition: str = ""
    when: str = "after"
    total: int | None = None
    samples: tuple[str, ...] = ()


class StateWriter:
    """Writes facts; each method is one transaction of its own unless it says otherwise."""

    def __init__(self, statements: Statements) -> None:
        self._sql = statements

    def start_run(self, run: RunRow, decisions: Sequence[DecisionRow], observations: Sequence[Observation]) -> None:
        """Record that a run begins, what it decided, what it saw; and that what earlier processes left in flight crashed."""
        values = {name: getattr(run, name) for name in RunRow.__slots__}
        with _Transaction(self._sql):
            self._sql.run("insert_run", values)
            self._sql.run("mark_crashed", {"run_id": run.run_id, "finished_at": run.started_at})
            self.decisions(run.run_id, decisions)
            if observations:
                self._sql.run(
                    "insert_observations",
                    {
                        "run_id": run.run_id,
                        "assets": [seen.asset for seen in observations],
                        "versions": [seen.version for seen in observations],
                        "strengths": [seen.strength for seen in observations],
                        "observed_at": run.started_at,
                    },
                )

    def decisions(self, run_id: str, rows: Sequence[DecisionRow]) -> None:
        """Append decisions, inside whatever transaction is open."""
        if rows:
            self._sql.run(
                "insert_decisions",
                {
                    "run_id": run_id,
                    "assets": [row.asset for row in rows],
                    "partitions": [row.partition for row in rows],
                    "decisions": [row.decision for row in rows],
                    "reasons": [row.reason for row in rows],
                    "details": [row.detail for row in rows],
                },
            )

    def code_aliases(self, run_id: str, code_versions: Mapping[AssetKey, tuple[str, str]]) -> None:
        """Record raw fingerprints that mean the same as a recorded code version, given as (fingerprint, code version)."""
        if code_versions:
            fingerprints, versions = zip(*code_versions.values(), strict=True)
            values = {"assets": list(code_versions), "fingerprints": list(fingerprints), "code_versions": list(versions)}
            self._sql.run("insert_code_aliases", {"run_id": run_id, **values})

    def agree(self, run_id: str, asset: AssetKey, versions: Mapping[str, str]) -> None:
        """Record the versions of inputs that all partitions of an asset agree with."""
        self._sql.run("insert_agreed_inputs", {"run_id": run_id, "asset": asset, "inputs": [*versions], "versions": [*versions.values()]})

    def gaps(self, run_id: str, asset: AssetKey, gaps: Sequence[Gap]) -> None:
        """Record which partitions an asset should hold and does not; a row without a partition where there are none."""
        rows = list(gaps) or [Gap("", None, None, "")]
        self._sql.run(
            "insert_gaps",
            {
                "run_id": run_id,
                "asset": asset,
                "partitions": [row.partition for row in rows],
                "starts": [row.start for row in rows],
                "ends": [row.end for row in rows],
                "statuses": [row.status for row in rows],
            },
        )

    def recorded_gaps(self) -> dict[AssetKey, dict[str, str]]:
        """Return the partitions that were last found missing of each asset, with their status."""
        found: dict[AssetKey, dict[str, str]] = {}
        for asset, partition, status in self._sql.run("recorded_gaps"):
            found.setdefault(asset, {})[partition] = status
        return found

    def end_run(self, row: RunEndRow) -> None:
        """Record how a run ended."""
        self._sql.run("insert_run_end", {name: getattr(row, name) for name in RunEndRow.__slots__})

    def claim(self, run_id: str, slices: Sequence[tuple[AssetKey, str]], now: datetime) -> dict[tuple[AssetKey, str], int]:
        """Claim (asset, partition) pairs and return their new fencing tokens; whoever held them before is fenced off.

        Raises WarehouseError where one of them is being published at this moment.
        """
        if not slices:
            return {}
        assets, partitions = [asset for asset, _ in slices], [partition for _, partition in slices]
        with _Transaction(self._sql):
            first = int(self._sql.run("next_token")[0][0]) + 1
            tokens = list(range(first, first + len(slices)))
            self._sql.run("touch_claims", {"assets": assets, "partitions": partitions, "claimed_at": now})
            self._sql.run("remove_claims", {"assets": assets, "partitions": partitions})
            self._sql.run(
                "insert_claims",
                {"assets": assets, "partitions": partitions, "tokens": tokens, "run_id": run_id, "claimed_at": now},
            )
        return dict(zip(slices, tokens, strict=True))

    def release(self, run_id: str, slices: Sequence[tuple[AssetKey, str]]) -> None:
        """Give back claims on what the run never began."""
        if slices:
            values = {"assets": [asset for asset, _ in slices], "partitions": [partition for _, partition in slices]}
            self._sql.run("release_claims", {"run_id": run_id, **values})

    def check_results(self, run_id: str, rows: Sequence[CheckRow]) -> None:
        """Append results of tests and checks."""
        if rows:
            names = (
                "check", "asset", "status", "severity", "failures", "message", "code_version", "inputs_version", "volatile", "checked_at",
                "seconds", "fingerprint", "partition", "when", "total",
            )  # fmt: skip
            plural = (
                "checks", "assets", "statuses", "severities", "failures", "messages", "code_versions", "inputs_versions",
                "volatiles", "checked_at", "seconds", "fingerprints", "partitions", "whens", "totals",
            )  # fmt: skip
            values = {many: [getattr(row, one) for row in rows] for one, many in zip(names, plural, strict=True)}
            self._sql.run("insert_check_results", {"run_id": run_id, **values})
        samples = [(row, place, sample) for row in rows for place, sample in enumerate(row.samples, 1)]
        if samples:
            self._sql.run(
                "insert_check_samples",
                {
                    "run_id": run_id,
                    "checks": [row.check for row, _, _ in samples],
                    "assets": [row.asset for row, _, _ in samples],
                    "partitions": [row.partition for row, _, _ in samples],
                    "positions": [place for _, place, _ in samples],
                    "rows": [redact(sample) for _, _, sample in samples],
                },
            )

    def waive(self, checks: Sequence[AssetKey], until: datetime, reason: str, now: datetime) -> None:
        """Record that checks may fail until then."""
        self._sql.run("insert_waivers", {"checks": list(checks), "until": until, "reason": redact(reason), "waived_at": now})

    def source_ages(self, run_id: str, ages: Sequence[SourceAge], now: datetime) -> None:
        """Append what one look at sources found."""
        if ages:
            values = {
                "assets": [age.asset for age in ages],
                "statuses": [age.status for age in ages],
                "bases": [age.basis for age in ages],
                "loaded": [age.max_loaded_at for age in ages],
                "snapshotted": [age.snapshotted_at for age in ages],
                "ages": [age.age if age.max_loaded_at is not None else None for age in ages],
                "errors": [redact(age.error) for age in ages],
                "observed": [age.snapshotted_at or now for age in ages],
                "seconds": [age.seconds for age in ages],
            }
            self._sql.run("insert_source_freshness", {"run_id": run_id, **values})

    def record_graph(self, run_id: str, graph: AssetGraph, graph_hash: str) -> None:
        """Write what differs between the graph and its last recording; nothing at all where the hash is known."""
        if self._is_known("graph_hash", graph_hash):
            return
        with _Transaction(self._sql):
            self._record_assets(run_id, graph)
            self._record_edges(run_id, graph)
            self._record_columns(run_id, graph)
            self._set_known("graph_hash", graph_hash)

    def record_definitions(self, run_id: str, manifest_hash: str, read: Callable[[], Definitions]) -> None:
        """Write what differs between the manifest's definitions and their last recording; they are read only if the hash is new."""
        if self._is_known("manifest_hash", manifest_hash):
            return
        definitions = read()
        with _Transaction(self._sql):
            record_definitions(self._sql, run_id, definitions)
            self._set_known("manifest_hash", manifest_hash)

    def _is_known(self, key: str, value: str) -> bool:
        return self._sql.run("get_meta", {"key": key}) == [(value,)]

    def _set_known(self, key: str, value: str) -> None:
        self._sql.run("remove_meta", {"key": key})
        self._sql.run("set_meta", {"key": key, "value": value})

    def _record_assets(self, run_id: str, graph: AssetGraph) -> None:
        recorded = {row[0]: (*row[:10], tuple(row[10]), *row[11:]) for row in self._sql.run("recorded_assets")}
        current = {asset.key: _asset_row(asset) for asset in graph.assets}
        rows = [(row, False) for key, row in current.items() if recorded.get(key) != row]
        rows += [(row, True) for key, row in recorded.items() if key not in current]
        names = (
            "assets", "kinds", "names", "packages", "paths", "relations", "materialized", "code_versions", "owners", "descriptions", "tags",
            "warn_after_seconds", "error_after_seconds",
        )  # fmt: skip
        self._insert("insert_assets", run_id, names, rows)

    def _record_edges(self, run_id: str, graph: AssetGraph) -> None:
        recorded = set(self._sql.run("recorded_edges"))
        current = {(parent, child, kind.value) for parent, child, kind in graph.edges()}
        pairs = {(parent, child) for parent, child, _ in current}
        rows = [(row, False) for row in sorted(current - recorded)]
        rows += [(row, True) for row in sorted(recorded - current) if row[:2] not in pairs]
        self._insert("insert_edges", run_id, ("parents", "children", "kinds"), rows)

    def _record_columns(self, run_id: str, graph: AssetGraph) -> None:
        recorded = set(self._sql.run("recorded_columns"))
        current = {(asset.key, column.name, column.data_type, column.description) for asset in graph.assets for column in asset.columns}
        pairs = {row[:2] for row in current}
        rows = [(row, False) for row in sorted(current - recorded)]
        rows += [(row, True) for row in sorted(recorded - current) if row[:2] not in pairs]
        self._insert("insert_columns", run_id, ("assets", "columns", "data_types", "descriptions"), rows)

    def _insert(self, query: str, run_id: str, names: Sequence[str], rows: Iterable[tuple[tuple[object, ...], bool]]) -> None:
        listed = list(rows)
        if listed:
            columns = {name: [row[number] for row, _ in listed] for number, name in enumerate(names)}
            self._sql.run(query, {"run_id": run_id, **columns, "removed": [removed for _, removed in listed]})


def _asset_row(asset: Asset) -> tuple[object, ...]:
    criteria = asset_criteria(asset)
    return (
        asset.key, asset.kind.value, asset.name, asset.package, asset.path, str(asset.relation or ""), asset.materialized,
        asset.fingerprint, asset.owner, asset.description, asset.tags, criteria.warn_after, criteria.error_after,
    )  # fmt: skip


class _Transaction:
    """A transaction around several statements of the store."""

    def __init__(self, statements: Statements) -> None:
        self._connection = statements.connection

    def __enter__(self) -> None:
        self._connection.begin()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()
