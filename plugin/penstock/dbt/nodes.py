"""Running one node through an open dbt session: model, seed, snapshot, function, test, one microbatch, run hooks."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dbt.artifacts.schemas.results import NodeStatus, RunStatus
from dbt.artifacts.schemas.run import RunResult
from dbt.node_types import RunHookType
from dbt.task.run import MicrobatchBatchRunner
from dbt_common.exceptions import DbtBaseException

from penstock.dbt.session import DbtSession, HookSql
from penstock.dbt.slice_vars import explained


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What dbt said of one node; `status` is dbt's: success, error, pass, fail, warn, skipped."""

    status: str
    message: str
    failures: int | None
    compiled: str

    @property
    def ok(self) -> bool:
        """Whether nothing downstream must be held back."""
        return self.status in ("success", "pass", "warn", "no-op")


@dataclass(frozen=True, slots=True)
class Batch:
    """One microbatch: its partition key as dbt prints it, and its half-open UTC interval."""

    partition: str
    start: datetime
    end: datetime


class NodeRunner:
    """Runs nodes of one session; safe to use from several threads at once."""

    def __init__(self, session: DbtSession) -> None:
        self._session = session
        self._results: list[RunResult] = []
        self._lock = threading.Lock()

    def run(self, key: str, hooks: HookSql | None = None, *, full_refresh: bool = False) -> NodeResult:
        """Run one node with dbt's own runner for its type; `full_refresh`: this node anew, whatever the others do."""
        session = self._session
        node = session.with_hooks(session.node(key), hooks) if hooks or full_refresh else session.node(key)
        if full_refresh:
            node.config.full_refresh = True
        runner_type = session.task.RUNNER_MAP[node.resource_type]
        return self._run(runner_type(session.config, session.adapter, node, 1, 1))

    def run_batch(self, key: str, batches: Sequence[Batch], number: int, *, incremental: bool, hooks: HookSql) -> NodeResult:
        """Run one batch alone, so that its rows and its record commit together.

        The project's own pre-hooks run with the first batch and its post-hooks with the last, as in dbt.
        """
        session = self._session
        node = session.with_hooks(session.node(key), None)
        if number != 0:
            node.config.pre_hook = []
        if number != len(batches) - 1:
            node.config.post_hook = []
        node = session.with_hooks(node, hooks)
        spans = {index: (batch.start.replace(tzinfo=UTC), batch.end.replace(tzinfo=UTC)) for index, batch in enumerate(batches)}
        runner = MicrobatchBatchRunner(
            session.config, session.adapter, node, 1, 1, number, spans, relation_exists=incremental, incremental_batch=incremental
        )
        return self._run(runner)

    def native_result(self, key: str, status: str, message: str, seconds: float) -> None:
        """Note what another executor did, so that on-run-end hooks see it in `results`."""
        session = self._session
        known = {"success": RunStatus.Success, "skipped": RunStatus.Skipped}
        statuses = {status.value: status for status in NodeStatus}
        result = RunResult.from_node(session.node(key), known.get(status, statuses.get(status, RunStatus.Error)), message)
        result.execution_time = seconds
        with self._lock:
            self._results.append(result)

    def run_hooks(self, when: str) -> str:
        """Run the project's `on-run-start` or `on-run-end` operations; return an error message, empty when all went well."""
        session = self._session
        task = session.task

        def hooked() -> None:
            with session.adapter.connection_named("master"):
                if when == "on-run-start":
                    task.safe_run_hooks(session.adapter, RunHookType.Start, {})
                else:
                    task.after_run(session.adapter, list(self._results))

        before = len(task.node_results)
        if not hasattr(task, "started_at"):
            task.started_at = time.time()
        try:
            session.call(hooked)
        except DbtBaseException as error:
            return str(error)
        bad = [str(result.message) for result in task.node_results[before:] if result.status == RunStatus.Error]
        return "\n".join(bad)

    def _run(self, runner: Any) -> NodeResult:
        result = self._session.call(lambda: runner.safe_run(self._session.manifest))
        with self._lock:
            self._results.append(result)
        compiled = getattr(result.node, "compiled_code", None) or ""
        return NodeResult(
            status=str(result.status.value if hasattr(result.status, "value") else result.status),
            message=explained(str(result.message or "")),
            failures=result.failures,
            compiled=compiled,
        )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
