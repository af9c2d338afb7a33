"""What is written down of a build around its assets' own records: how it began, what it decided on the way, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from penstock.app.column_lineage import record_column_lineage
from penstock.app.columns import record_built_columns
from penstock.app.compiled import CompiledQueries
from penstock.app.history import definitions_of
from penstock.app.partitions import record_gaps
from penstock.app.planning import Planned
from penstock.app.runs import penstock_version, utc_now
from penstock.assets.names import AssetKey
from penstock.plan.planner import PlanRow
from penstock.runner.context import RunContext
from penstock.state.content import record_projections
from penstock.state.writer import DecisionRow, RunEndRow, RunRow, StateWriter


class Recording:
    """The records of one build."""

    def __init__(self, planned: Planned, context: RunContext, writer: StateWriter) -> None:
        self._planned = planned
        self._context = context
        self._writer = writer
        self._slices: set[tuple[AssetKey, str]] = set()

    def start(self, started: datetime, sha: str) -> None:
        """Record that the run begins: the plan, what was seen of the inputs, and what the project is now."""
        planned, context, writer = self._planned, self._context, self._writer
        facts, project, run_id = planned.facts, planned.project, context.run_id
        decisions = [decision for row in planned.plan.rows for decision in _decision_rows(row)]
        self._slices = {(decision.asset, decision.partition) for decision in decisions if decision.partition}
        writer.start_run(self._run(started, sha), decisions, list(facts.observed.values()))
        unknown = {projection: found for projection, found in facts.projections.items() if projection not in facts.state.projections}
        record_projections(context.statements(), run_id, unknown)
        same = [planned.graph[key] for key in facts.code_versions if facts.same_code(planned.graph.ids[key])]
        writer.code_aliases(run_id, {asset.key: (asset.fingerprint, facts.code_versions[asset.key]) for asset in same})
        writer.record_graph(run_id, project.graph, project.graph_hash)
        writer.record_definitions(run_id, project.manifest_hash, partial(definitions_of, planned.settings, project))

    def _run(self, started: datetime, sha: str) -> RunRow:
        planned = self._planned
        return RunRow(
            run_id=self._context.run_id,
            started_at=started,
            command=planned.wanted.command,
            target=planned.settings.profile.name,
            selection=" ".join(planned.wanted.select),
            git_sha=sha,
            penstock_version=penstock_version(),
            dbt_version=planned.project.dbt_version,
            threads=planned.settings.threads,
        )

    def decided(self, rows: Iterable[PlanRow]) -> None:
        """Record what was decided only once inputs were done; the plan's own slices are on record."""
        later = (decision for row in rows for decision in _decision_rows(row))
        self._writer.decisions(self._context.run_id, [row for row in later if (row.asset, row.partition) not in self._slices])

    def found(self, built: frozenset[AssetKey], queries: CompiledQueries, show: Callable[[str], None], *, compiles: bool) -> None:
        """Record which partitions are missing, the columns of what was `built`, and where the columns of changed queries come from."""
        planned, context = self._planned, self._context
        record_gaps(self._writer, context)
        if built:
            record_built_columns(context.statements(), planned.graph, planned.facts.database, context.warehouse)
        record_column_lineage(planned, context, queries, built, show, compiles=compiles)

    def end(self, counts: Mapping[str, int], *, ok: bool, finished: bool) -> None:
        """Record how the run ended; `counts` are outcomes by status, `finished` is False for one that broke."""
        context = self._context
        cancelled = context.stopping.is_set() or context.draining.is_set()
        status = "crashed" if not finished else "cancelled" if cancelled else "success" if ok else "failed"
        failed = sum(counts.get(name, 0) for name in ("ERROR", "FAIL", "CANCELLED"))
        built = sum(counts.get(name, 0) for name in ("SUCCESS", "PASS", "INSUFFICIENT", "WARN"))
        skipped = counts.get("SKIPPED", 0) + counts.get("BLOCKED", 0)
        self._writer.end_run(RunEndRow(context.run_id, utc_now(), status, built, counts.get("REUSED", 0), failed, skipped))


def _decision_rows(row: PlanRow) -> list[DecisionRow]:
    """Return a row for an asset, or one for each of its partitions that is due."""
    if not row.slices:
        return [DecisionRow(row.asset, "", row.decision.value, row.reason.value, row.detail)]
    return [
        DecisionRow(row.asset, partition.key, row.decision.value, due.reason.value, due.detail)
        for due in row.slices
        for partition in due.partitions
    ]
