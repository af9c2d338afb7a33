"""What deciding code may see of the state: everything the planner needs, read with a handful of set-based queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from penstock.assets.names import AssetKey
from penstock.assets.records import (
    Attempt,
    CheckResult,
    InputVersion,
    Materialization,
    PartitionCost,
    PartitionRecord,
    StateSnapshot,
    Waiver,
)
from penstock.state.store import SCHEMA_VERSION, Statements, stored_version
from penstock.warehouse.protocol import Row

_QUERIES = (
    "latest_attempts", "current_inputs", "failed_partitions", "current_materializations", "latest_checks", "code_aliases",
    "current_projections", "crashed_claims", "check_blocks", "current_waivers",
)  # fmt: skip


def read_state(statements: Statements, *, exists: bool = False) -> StateSnapshot:
    """Read the snapshot; an empty one where the store was never made, or lacks what a build will add before it reads.

    `exists` says that the store is known to be there.
    """
    if stored_version(statements, exists=exists) < SCHEMA_VERSION:
        return StateSnapshot()
    found = statements.run_all(_QUERIES, {"run_id": ""})
    inputs: dict[AssetKey, list[InputVersion]] = defaultdict(list)
    for asset, name, version, columns in found["current_inputs"]:
        inputs[asset].append(InputVersion(name, version, None if columns is None else tuple(columns)))
    failed: dict[AssetKey, list[str]] = defaultdict(list)
    interrupted: dict[AssetKey, list[str]] = defaultdict(list)
    for asset, partition, only_interrupted in found["failed_partitions"]:
        (interrupted if only_interrupted else failed)[asset].append(partition)
    attempts = found["latest_attempts"]
    ledgers = _ledgers(statements) if any(row[1] for row in found["current_materializations"]) else {}
    return StateSnapshot(
        materializations={row[0]: _materialization(row) for row in found["current_materializations"]},
        inputs={asset: tuple(versions) for asset, versions in inputs.items()},
        attempts={row[0]: Attempt(asset=row[0], partition=row[1], status=row[2], run_id=row[3], error=row[4]) for row in attempts},
        attempt_tokens={row[0]: row[5] for row in attempts},
        checks=_checks(found["latest_checks"], found["code_aliases"]),
        projections={(row[0], row[1], tuple(row[2])): row[3] for row in found["current_projections"]},
        failed_partitions={asset: tuple(sorted(partitions)) for asset, partitions in failed.items()},
        interrupted_partitions={asset: tuple(sorted(partitions)) for asset, partitions in interrupted.items()},
        crashed=frozenset(row[0] for row in found["crashed_claims"]),
        blocked={asset: (tuple(checks), run_id) for asset, checks, run_id in found["check_blocks"]},
        waivers={check: Waiver(until, reason) for check, until, reason in found["current_waivers"]},
        **ledgers,
    )


def _ledgers(statements: Statements) -> dict[str, Any]:
    """Read what assets with partitions hold; asked for only where there are any."""
    partitions: dict[AssetKey, dict[str, PartitionRecord]] = defaultdict(dict)
    for asset, partition, *rest in statements.run("partition_records"):
        partitions[asset][partition] = PartitionRecord(*rest)
    inputs: dict[AssetKey, dict[str, tuple[InputVersion, ...]]] = defaultdict(dict)
    for asset, partition, name, version, columns in statements.run("partition_inputs"):
        seen = InputVersion(name, version, None if columns is None else tuple(columns))
        inputs[asset][partition] = (*inputs[asset].get(partition, ()), seen)
    agreed = {(asset, name): version for asset, name, version in statements.run("agreed_inputs")}
    costs = {asset: PartitionCost(float(rows), float(seconds)) for asset, rows, seconds in statements.run("partition_costs")}
    return {"partitions": partitions, "partition_inputs": inputs, "agreed": agreed, "partition_costs": costs}


def _materialization(row: Row) -> Materialization:
    values = (*row[:-1], frozenset(row[-1]))
    return Materialization(*values)


def _checks(latest: Sequence[Row], aliases: Sequence[Row]) -> dict[AssetKey, CheckResult]:
    same: dict[tuple[AssetKey, str], set[str]] = defaultdict(set)
    for asset, fingerprint, code_version in aliases:
        same[asset, code_version].add(fingerprint)
    return {
        check: CheckResult(check, status, code, run_id, inputs, volatile, frozenset({fingerprint, *same[check, code]}))
        for check, status, code, run_id, inputs, volatile, fingerprint in latest
    }
