"""The run loop: a thread pool around the schedule, one sink, and an orderly way to stop."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from penstock.assets.asset import Asset
from penstock.plan.schedule import Schedule
from penstock.runner.context import RunContext
from penstock.runner.failures import text_of
from penstock.runner.outcomes import Outcome, Sink, Status
from penstock.runner.recorder import CheckRecorder, Recorded

Handler = Callable[[int], Outcome]


@dataclass(slots=True)
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
    _numbers: dict[int, int] = field(default_factory=dict)
    _outcomes: list[Outcome] = field(default_factory=list)
    _news: queue.SimpleQueue[Outcome | Recorded] = field(default_factory=queue.SimpleQueue)
    _unrecorded: int = 0
    _failed: bool = False

    def run(self) -> list[Outcome]:
        """Run everything the schedule holds and return the outcomes in the order they came, skipped ones included.

        Nobody hears of an outcome before it is in the state tables.
        """
        with (
            CheckRecorder(self.context, self._news.put) as recorder,
            ThreadPoolExecutor(max_workers=self.threads, thread_name_prefix="penstock") as pool,
        ):
            while True:
                self._hand_out(pool)
                if not self.schedule.active and not self._unrecorded:
                    break
                self._take_in(self._news.get(), recorder)
        self._never_started()
        return self._outcomes

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        while len(self.schedule.active) < self.threads and not self._stopped():
            number = self.schedule.take()
            if number is None:
                return
            asset = self.context.graph.assets[number]
            self.sink.started(self._count(number), self.total, asset, self.executor_of(asset))
            pool.submit(self._work, number)

    def _work(self, number: int) -> None:
        """Run one asset in a worker; whatever goes wrong becomes its outcome, never the run's end."""
        started = self.context.clock()
        try:
            outcome = self.handler(number)
        except Exception as error:  # noqa: BLE001 (a worker must not die; the outcome carries the error)
            message = text_of(error)
            self.context.give_up(number, message, started)
            outcome = self.context.outcome(number, self.context.failure, "", message, started)
        self._news.put(outcome)

    def _take_in(self, news: Outcome | Recorded, recorder: CheckRecorder) -> None:
        if isinstance(news, Recorded):
            self._unrecorded -= len(news.outcomes)
            if news.error is not None:
                raise news.error
            for outcome in news.outcomes:
                self._tell(outcome)
            return
        self._settle(news)
        if news.asset.is_test and news.status is not Status.REUSED:
            self._unrecorded += 1
            recorder.put(news)
        else:
            self._tell(news)
        if news.status.holds_back:
            self._failed = True
            for number in self.schedule.skip_descendants(news.id):
                audited = self.context.audits.outcome(number)
                if audited is not None:
                    self._unrecorded += 1
                    recorder.put(audited)  # it is why nothing was published
                    continue
                self._tell(self.context.outcome(number, Status.SKIPPED, "", f"upstream: {news.asset.name}", self.context.clock()))

    def _settle(self, outcome: Outcome) -> None:
        """Take a finished asset into what later ones see."""
        self.schedule.finish(outcome.id)
        if outcome.status is Status.SUCCESS:
            self.context.relation_built(outcome.asset)

    def _tell(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self.sink.finished(self._count(outcome.id), self.total, outcome)

    def _count(self, number: int) -> int:
        """Return the asset's place in the order of starting, as dbt counts."""
        return self._numbers.setdefault(number, len(self._numbers) + 1)

    def _stopped(self) -> bool:
        if self.context.stopping.is_set() or self.context.draining.is_set():
            return True
        return self.fail_fast and self._failed

    def _never_started(self) -> None:
        reason = "cancelled" if self.context.stopping.is_set() or self.context.draining.is_set() else "fail fast"
        for number in self.schedule.remaining():
            self._tell(self.context.outcome(number, Status.SKIPPED, "", reason, self.context.clock()))
