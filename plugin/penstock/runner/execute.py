"""The run loop: a thread pool around the schedule, one sink, and an orderly way to stop."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from penstock.assets.asset import Asset
from penstock.errors import PenstockError
from penstock.plan.schedule import Schedule
from penstock.runner.context import RunContext
from penstock.runner.outcomes import Outcome, Sink, Status
from penstock.state.writer import CheckRow, StateWriter

Handler = Callable[[int], Outcome]


@dataclass(frozen=True, slots=True)
class Loop:
    """One run's loop: `handler` runs an asset in a worker thread, `executor_of` names who will run it."""

    context: RunContext
    schedule: Schedule
    handler: Handler
    executor_of: Callable[[Asset], str]
    sink: Sink
    total: int
    threads: int
    fail_fast: bool = False

    def run(self) -> list[Outcome]:
        """Run everything the schedule holds and return the outcomes in the order they came, skipped ones included."""
        finished: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        outcomes: list[Outcome] = []
        with ThreadPoolExecutor(max_workers=self.threads, thread_name_prefix="penstock") as pool:
            numbers: dict[int, int] = {}
            while True:
                while len(self.schedule.active) < self.threads and not self._stopped(outcomes):
                    number = self.schedule.take()
                    if number is None:
                        break
                    numbers[number] = len(numbers) + 1
                    asset = self.context.graph.assets[number]
                    self.sink.started(numbers[number], self.total, asset, self.executor_of(asset))
                    pool.submit(lambda one=number: finished.put(self._safely(one)))  # type: ignore[misc]
                if not self.schedule.active:
                    break
                for outcome in self._recorded(finished):
                    outcomes.append(outcome)
                    self._settle(outcome)
                    self.sink.finished(numbers[outcome.id], self.total, outcome)
                    outcomes += self._hold_back(outcome, numbers)
        outcomes += self._never_started(numbers)
        return outcomes

    def _stopped(self, outcomes: Sequence[Outcome]) -> bool:
        if self.context.stopping.is_set() or self.context.draining.is_set():
            return True
        return self.fail_fast and any(outcome.status.holds_back for outcome in outcomes)

    def _safely(self, number: int) -> Outcome:
        """Run one asset; whatever goes wrong becomes its outcome, never the run's end."""
        started = self.context.clock()
        try:
            outcome = self.handler(number)
        except Exception as error:  # noqa: BLE001 (a worker must not die; the outcome carries the error)
            status = Status.CANCELLED if self.context.stopping.is_set() else Status.ERROR
            message = str(error) if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
            return self.context.outcome(number, status, "", message, started)
        return outcome

    def _recorded(self, finished: queue.SimpleQueue[Outcome]) -> list[Outcome]:
        """Wait for an outcome and take what else has come; results of tests are recorded, all at once, before anyone hears of them."""
        arrived = [finished.get()]
        while not finished.empty():
            arrived.append(finished.get())
        rows = [self._check_row(outcome) for outcome in arrived if outcome.asset.is_test and outcome.status is not Status.CANCELLED]
        StateWriter(self.context.statements()).check_results(self.context.run_id, rows)
        return arrived

    def _check_row(self, outcome: Outcome) -> CheckRow:
        spec = outcome.asset.test
        return CheckRow(
            check=outcome.asset.key,
            asset=(spec.attached_node if spec else "") or self._first_parent(outcome.id),
            status=outcome.status.value,
            severity=spec.severity if spec else "ERROR",
            failures=outcome.failures,
            message=outcome.message,
            code_version=outcome.asset.fingerprint,
            inputs_version=outcome.inputs_version,
            volatile=outcome.volatile,
            checked_at=outcome.finished_at,
            seconds=outcome.seconds,
        )

    def _first_parent(self, number: int) -> str:
        parents = self.context.graph.parents[number]
        return self.context.graph.assets[parents[0]].key if parents else ""

    def _settle(self, outcome: Outcome) -> None:
        """Take a finished asset into what later ones see."""
        self.schedule.finish(outcome.id)
        asset = outcome.asset
        if outcome.status is not Status.SUCCESS or not asset.builds_relation:
            return
        self.context.versions[asset.key] = str(self.context.latest_token[asset.key])
        self.context.relation_built(asset)

    def _hold_back(self, outcome: Outcome, numbers: dict[int, int]) -> list[Outcome]:
        if not outcome.status.holds_back:
            return []
        skipped = []
        for number in self.schedule.skip_descendants(outcome.id):
            numbers[number] = len(numbers) + 1
            result = self.context.outcome(number, Status.SKIPPED, "", f"upstream: {outcome.asset.name}", self.context.clock())
            skipped.append(result)
            self.sink.finished(numbers[number], self.total, result)
        return skipped

    def _never_started(self, numbers: dict[int, int]) -> list[Outcome]:
        reason = "cancelled" if self.context.stopping.is_set() or self.context.draining.is_set() else "fail fast"
        rest = []
        for number in self.schedule.remaining():
            numbers[number] = len(numbers) + 1
            result = self.context.outcome(number, Status.SKIPPED, "", reason, self.context.clock())
            rest.append(result)
            with suppress(BrokenPipeError):
                self.sink.finished(numbers[number], self.total, result)
        return rest
