"""What deciding code may see of the state: everything the planner needs, read with a handful of set-based queries."""

from __future__ import annotations

from collections import defaultdict

from penstock.assets.names import AssetKey
from penstock.assets.records import Attempt, CheckResult, InputVersion, Materialization, StateSnapshot
from penstock.state.store import Statements, stored_version


def read_state(statements: Statements) -> StateSnapshot:
    """Read the snapshot; an empty one where the store was never made."""
    if stored_version(statements) == 0:
        return StateSnapshot()
    rows = statements.run("current_materializations")
    attempts = statements.run("latest_attempts")
    checks = statements.run("latest_checks")
    inputs: dict[AssetKey, list[InputVersion]] = defaultdict(list)
    for asset, name, version in statements.run("current_inputs"):
        inputs[asset].append(InputVersion(name, version))
    failed: dict[AssetKey, list[str]] = defaultdict(list)
    for asset, partition in statements.run("failed_partitions"):
        failed[asset].append(partition)
    return StateSnapshot(
        materializations={
            row[0]: Materialization(
                asset=row[0], partition=row[1], run_id=row[2], token=row[3], code_version=row[4], data_version=row[5], rows=row[6],
                relation=row[7], committed_at=row[8],
            )
            for row in rows
        },
        inputs={asset: tuple(versions) for asset, versions in inputs.items()},
        attempts={row[0]: Attempt(asset=row[0], partition=row[1], status=row[2], run_id=row[3], error=row[4]) for row in attempts},
        attempt_tokens={row[0]: row[5] for row in attempts},
        checks={row[0]: CheckResult(*row) for row in checks},
        relation_types={row[0]: row[9] for row in rows},
        volatile={row[0]: row[10] for row in rows if row[10]} | {row[0]: row[5] for row in checks if row[5]},
        failed_partitions={asset: tuple(sorted(partitions)) for asset, partitions in failed.items()},
        crashed=frozenset(row[0] for row in statements.run("crashed_claims", {"run_id": ""})),
    )  # fmt: skip
