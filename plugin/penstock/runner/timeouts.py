"""A timeout that really stops what runs: the statement is interrupted, on the connections of one attempt and no other."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from penstock.errors import WarehouseError
from penstock.runner.failures import TIMED_OUT
from penstock.warehouse.protocol import Connection, Row

if TYPE_CHECKING:
    from penstock.dbt.nodes import NodeResult

_AGAIN_SECONDS = 0.1
"""An interrupt that falls between two statements is lost, so it comes again until the attempt has noticed."""


class Watch:
    """The time of one attempt: when it is over, `interrupt` is called from another thread until `disarm` is."""

    def __init__(self, seconds: float, interrupt: Callable[[], None]) -> None:
        self._seconds = seconds
        self._interrupt = interrupt
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="penstock_timeout", daemon=True)
        self.expired = False

    @property
    def message(self) -> str:
        """What to say of an attempt that took too long."""
        return f"{TIMED_OUT} {self._seconds:g}s"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.disarm()
        self._thread.join()

    def disarm(self) -> None:
        """Let what follows run undisturbed; once this returns, no interrupt comes any more."""
        with self._lock:
            self._over.set()

    def check(self) -> None:
        """Raise WarehouseError where the time is over and nothing came after which it no longer counts."""
        if self.expired and not self._over.is_set():
            raise WarehouseError(self.message)

    def _work(self) -> None:
        seconds = self._seconds
        while not self._over.wait(seconds):
            with self._lock:
                if not self._over.is_set():
                    self.expired = True
                    self._interrupt()
            seconds = _AGAIN_SECONDS


class WatchedConnection:
    """A connection whose statements end when the time is over, up to the COMMIT: from there on only the record says what happened."""

    def __init__(self, inner: Connection, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run one statement. Raises WarehouseError saying so where it was interrupted for its time, or comes after it."""
        self._watch.check()
        try:
            return self._inner.execute(sql, parameters)
        except WarehouseError as error:
            if self._watch.expired:
                raise WarehouseError(self._watch.message) from error
            raise

    def begin(self) -> None:
        """Open a transaction, unless the time is over."""
        self._watch.check()
        self._inner.begin()

    def commit(self) -> None:
        """Commit: all work is done, so the time counts no more."""
        self._watch.disarm()
        self._inner.commit()

    def rollback(self) -> None:
        """Give the open transaction up, undisturbed."""
        self._watch.disarm()
        self._inner.rollback()

    def interrupt(self) -> None:
        """Stop the statement that runs now."""
        self._inner.interrupt()

    def close(self) -> None:
        """Give the connection back."""
        self._inner.close()


class WatchedNodes:
    """dbt's node runner, where `watch` is that of this thread's attempt: what was interrupted for its time says so."""

    def __init__(self, nodes: Any, watch: Callable[[], Watch | None]) -> None:
        self._nodes = nodes
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nodes, name)

    def run(self, *args: Any, **named: Any) -> NodeResult:
        """Run one node."""
        return self._watched(self._nodes.run(*args, **named))

    def run_batch(self, *args: Any, **named: Any) -> NodeResult:
        """Run one batch."""
        return self._watched(self._nodes.run_batch(*args, **named))

    def _watched(self, result: NodeResult) -> NodeResult:
        watch = self._watch()
        if watch is None:
            return result
        watch.disarm()
        return dataclasses.replace(result, message=watch.message) if watch.expired and result.status == "error" else result
