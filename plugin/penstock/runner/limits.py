"""The attempts at one asset, or at one range of its partitions: each in its time, with a claim and a record of its own."""

from __future__ import annotations

import dataclasses
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from penstock.assets.asset import Asset
from penstock.assets.limits import NO_LIMITS, Failure, Limits
from penstock.assets.partition_range import PartitionRange
from penstock.errors import PenstockError, WarehouseError
from penstock.runner.commit import Publication
from penstock.runner.context import RunContext
from penstock.runner.failures import failure_of, failure_of_error, text_of
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.partition_commit import PartitionPublication
from penstock.runner.timeouts import Watch, WatchedConnection, WatchedNodes
from penstock.state.writer import StateWriter

if TYPE_CHECKING:
    from penstock.dbt.nodes import NodeRunner

Found = TypeVar("Found")
Ended = tuple[Found, Failure | None]
"""How an attempt ended, and why it failed if it did."""

_LOOK_SECONDS = 0.5
"""How often a wait looks whether the run is to start nothing more."""


def _nothing(_: Any) -> None:
    return None


@dataclass
class Attempts:
    """Tries what may be tried again; `limits` are by id, `interrupt_dbt` stops what dbt runs in the thread of that identifier.

    `sleep` takes seconds and may return early when the run is being stopped; `chance` gives numbers from 0 to 1; `tell` gets
    a line before each further attempt.
    """

    context: RunContext
    limits: Mapping[int, Limits] = field(default_factory=dict)
    interrupt_dbt: Callable[[int], None] = _nothing
    sleep: Callable[[float], None] | None = None
    chance: Callable[[], float] = random.random
    tell: Callable[[str], None] = _nothing
    _local: threading.local = field(default_factory=threading.local)

    def run(self, number: int, execute: Callable[[int], Outcome]) -> Outcome:
        """Run an asset; a failed attempt that may be tried again is, under a new claim."""
        started = self.context.clock()
        outcome, done = self._repeat(number, "", lambda: self._attempt(number, execute), [""])
        if done == 1:
            return outcome
        words = f" (attempt {done})" if outcome.status is Status.SUCCESS else f"\nGiven up after {done} attempts."
        took = (outcome.finished_at - started).total_seconds()
        message = outcome.message if outcome.status is Status.CANCELLED else f"{outcome.message}{words}"
        return dataclasses.replace(outcome, message=message, started_at=started, seconds=took)

    def run_range(self, number: int, part: PartitionRange, publish_one: Callable[[], str]) -> str:
        """Write one range of partitions and return what went wrong; only that range is tried again."""
        problem, done = self._repeat(number, f" {part}", lambda: self._attempt_range(number, part, publish_one), [one.key for one in part])
        return f"{problem} (given up after {done} attempts)" if problem and done > 1 else problem

    def nodes(self, nodes: NodeRunner) -> NodeRunner:
        """Return dbt's runner of nodes, watched."""
        return cast("NodeRunner", WatchedNodes(nodes, lambda: getattr(self._local, "watch", None)))

    def _repeat(self, number: int, what: str, once: Callable[[], Ended[Found]], partitions: Sequence[str]) -> tuple[Found, int]:
        retries = self.limits.get(number, NO_LIMITS).retries
        asset, done = self.context.graph.assets[number], 1
        found, failure = once()
        while failure is not None and not self._stopped() and retries.again(done, failure):
            seconds = retries.wait(done, self.chance())
            self.tell(f"{asset.name}{what}: attempt {done} of {retries.attempts} failed ({failure.value}), the next in {seconds:.1f}s")
            (self.sleep or self._sleep)(seconds)
            if self._stopped() or not self._claim_anew(asset, partitions):
                break
            found, failure = once()
            done += 1
        return found, done

    def _attempt(self, number: int, execute: Callable[[int], Outcome]) -> Ended[Outcome]:
        """Run an asset once; whatever goes wrong becomes its outcome."""
        context, started = self.context, self.context.clock()
        try:
            with self._watched(number):
                outcome = execute(number)
        except Exception as error:  # noqa: BLE001 (the outcome carries the error)
            context.give_up(number, text_of(error), started)
            outcome = context.outcome(number, context.failure, "", text_of(error), started)
            return outcome, _unless_cancelled(outcome.status, failure_of_error(error))
        return outcome, _unless_cancelled(outcome.status, failure_of(outcome.message))

    def _attempt_range(self, number: int, part: PartitionRange, publish_one: Callable[[], str]) -> Ended[str]:
        started = self.context.clock()
        try:
            with self._watched(number):
                problem = publish_one()
        except Exception as error:  # noqa: BLE001 (other ranges go on)
            self._record_range(number, part, text_of(error), started)
            return text_of(error), failure_of_error(error)
        return problem, failure_of(problem) if problem else None

    def _record_range(self, number: int, part: PartitionRange, message: str, started: datetime) -> None:
        """Answer the claims of a range whose attempt broke before it could do so itself."""
        context, key = self.context, self.context.graph.assets[number].key
        tokens = {one.key: context.tokens[key, one.key] for one in part}
        what = PartitionPublication(Publication(context.run_id, key, 0, "", "", "", "", "", (), started), part, tokens, {}, "")
        status = "cancelled" if context.failure is Status.CANCELLED else "failed"
        with suppress(PenstockError):
            what.record_failure(context.statements(), status, message, context.clock())

    def _claim_anew(self, asset: Asset, partitions: Sequence[str]) -> bool:
        """Claim for another attempt; False where the last one did commit after all, or where another run holds the claim by now."""
        context = self.context
        tokens = {partition: token for partition in partitions if (token := context.tokens.get((asset.key, partition))) is not None}
        if not tokens:
            return True  # a test writes nothing that a claim could guard
        sql, now = context.statements(), context.clock()
        values = {"asset": asset.key, "partitions": [*tokens], "tokens": [*tokens.values()], "claimed_at": now}
        try:
            if sql.run("read_back_partitions", values) or dict(sql.run("fence_partitions", values)) != tokens:
                return False
            context.hold(StateWriter(sql).claim(context.run_id, [(asset.key, partition) for partition in tokens], now))
        except WarehouseError:
            return False
        return True

    @contextmanager
    def _watched(self, number: int) -> Iterator[None]:
        """Interrupt what this thread runs for the asset once its time is over."""
        timeout = self.limits.get(number, NO_LIMITS).timeout
        if timeout is None:
            yield
            return
        context, thread = self.context, threading.get_ident()
        ingest = context.graph.assets[number].ingest is not None
        used = [context.statements(), *([context.statements(ingest=True)] if ingest else [])]
        plain = [sql.connection for sql in used]

        def interrupt() -> None:
            for connection in plain:
                connection.interrupt()
            self.interrupt_dbt(thread)

        with Watch(timeout, interrupt) as watch:
            self._local.watch = watch
            for sql, connection in zip(used, plain, strict=True):
                sql.connection = WatchedConnection(connection, watch)
            try:
                yield
            finally:
                self._local.watch = None
                for sql, connection in zip(used, plain, strict=True):
                    sql.connection = connection

    def _sleep(self, seconds: float) -> None:
        """Wait, unless the run is being stopped meanwhile."""
        left = seconds
        while left > 0 and not self.context.draining.is_set() and not self.context.stopping.wait(min(left, _LOOK_SECONDS)):
            left -= _LOOK_SECONDS

    def _stopped(self) -> bool:
        return self.context.stopping.is_set() or self.context.draining.is_set()


def _unless_cancelled(status: Status, failure: Failure) -> Failure | None:
    """Return why an attempt failed; None for one that did not, for a test whose rows are wrong, and for a run being stopped."""
    return failure if status is Status.ERROR else None
