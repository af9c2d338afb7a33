"""What happened to each asset of a run, as values; sinks turn them into rows and lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from penstock.assets.asset import Asset


class Status(StrEnum):
    """How one asset ended; the words are dbt's, but for `insufficient`: a check had too little history to say anything."""

    SUCCESS = "success"
    PASS = "pass"
    INSUFFICIENT = "insufficient"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"
    REUSED = "reused"
    CANCELLED = "cancelled"

    @property
    def holds_back(self) -> bool:
        """Whether descendants must not run."""
        return self in (Status.FAIL, Status.ERROR, Status.SKIPPED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished asset; `rows` of a table, `failures` of a test; times are UTC, `seconds` wall time.

    `undeclared` are tables it read without `ref` or `source`. Of a test, `partition` names the slices that it looked at, `when`
    says whether that was before they were published, `total` is the number of rows there, and `samples` are failing ones.
    """

    id: int
    asset: Asset
    status: Status
    executor: str
    message: str
    started_at: datetime
    finished_at: datetime
    seconds: float
    rows: int | None = None
    failures: int | None = None
    inputs_version: str = ""
    volatile: str = ""
    code_version: str = ""
    undeclared: tuple[str, ...] = ()
    partition: str = ""
    when: str = "after"
    total: int | None = None
    samples: tuple[str, ...] = ()


class Sink(Protocol):
    """Gets told as a run goes on; called from one thread."""

    def started(self, number: int, total: int, asset: Asset, executor: str) -> None:
        """An asset begins."""

    def finished(self, number: int, total: int, outcome: Outcome) -> None:
        """An asset ended."""
