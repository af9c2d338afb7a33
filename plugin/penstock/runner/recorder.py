"""Results of tests, recorded beside the run loop: one statement for all that have come, so that no commit holds work back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from penstock.assets.redact import redact
from penstock.runner.context import RunContext
from penstock.runner.outcomes import Outcome, Status
from penstock.state.writer import CheckRow, StateWriter


@dataclass(frozen=True, slots=True)
class Recorded:
    """Test results that are in the state tables now; `error` says why where they are not."""

    outcomes: tuple[Outcome, ...]
    error: Exception | None = None


class CheckRecorder:
    """A thread that writes test results as they come and tells `done` about each batch."""

    def __init__(self, context: RunContext, done: Callable[[Recorded], None]) -> None:
        self._context = context
        self._done = done
        self._waiting: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="penstock_recorder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    def put(self, outcome: Outcome) -> None:
        """Hand a test's outcome over; it comes back through `done` when it is recorded."""
        self._waiting.put(outcome)

    def _work(self) -> None:
        open_ = True
        while open_:
            batch = [self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get())
            open_ = None not in batch
            outcomes = tuple(outcome for outcome in batch if outcome is not None)
            if outcomes:
                self._done(self._write(outcomes))

    def _write(self, outcomes: tuple[Outcome, ...]) -> Recorded:
        rows = [self._row(outcome) for outcome in outcomes if outcome.status is not Status.CANCELLED]
        try:
            StateWriter(self._context.statements()).check_results(self._context.run_id, rows)
        except Exception as error:  # noqa: BLE001 (the run loop hears of it and ends the run)
            return Recorded(outcomes, error)
        return Recorded(outcomes)

    def _row(self, outcome: Outcome) -> CheckRow:
        spec = outcome.asset.test
        return CheckRow(
            check=outcome.asset.key,
            asset=(spec.attached_node if spec else "") or _first(self._context.graph.parents[outcome.id], self._context),
            status=outcome.status.value,
            severity=spec.severity if spec else "ERROR",
            failures=outcome.failures,
            message=redact(outcome.message),
            code_version=outcome.code_version,
            fingerprint=outcome.asset.fingerprint,
            inputs_version=outcome.inputs_version,
            volatile=outcome.volatile,
            checked_at=outcome.finished_at,
            seconds=outcome.seconds,
            partition=outcome.partition,
            when=outcome.when,
            total=outcome.total,
            samples=outcome.samples,
        )


def _first(parents: Sequence[int], context: RunContext) -> str:
    return context.graph.assets[parents[0]].key if parents else ""
