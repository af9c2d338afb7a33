"""The use case `backfill`: a range of partitions as one unit that is on record, so that any process can go on with it."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from penstock.app.build import Report, Show, Stopper, build_project
from penstock.app.planning import Planned, Wanted
from penstock.app.reading import locked_state, open_state
from penstock.app.runs import new_run_id, utc_now
from penstock.app.settings import Settings
from penstock.errors import SelectionError, WarehouseBusy
from penstock.plan.reasons import Decision
from penstock.runner.outcomes import Sink
from penstock.state.store import Statements, stored_version
from penstock.warehouse.lock import DatabaseLock

UNBOUNDED = 10**9

BACKFILLS_SINCE = 5
"""The version of the state tables that first had backfills."""

NOTHING = ("",)
"""Keys that mean no asset; without any keys the flags would decide, and mean everything."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill on record: `partitions` asked for, `built` since; `status` is open, success or cancelled."""

    id: str
    requested_at: datetime
    selection: str
    order: str
    max_active: int
    forced: bool
    partitions: int
    built: int
    status: str


def begin_backfill(
    settings: Settings, wanted: Wanted, sink_for: Callable[[Planned], Sink], show: Show, stop: Stopper
) -> tuple[str, Report]:
    """Record a new backfill of the partitions that are due among those wanted, and run it; return its id and the report."""
    requested = utc_now()
    backfill_id = new_run_id(requested)
    recorded: list[str] = []

    def remember(planned: Planned, sql: Statements) -> None:
        selection = " ".join((*wanted.select, *(f"--partition {text}" for text in wanted.partitions)))
        values = {
            "backfill_id": backfill_id, "requested_at": requested, "selection": selection, "max_active": wanted.max_active,
            "order": "newest" if wanted.newest_first else "oldest", "forced": wanted.force,
        }  # fmt: skip
        rows = asked_for(planned)
        if not rows:
            return
        recorded.append(backfill_id)
        columns = {"assets": [asset for asset, _ in rows], "partitions": [partition for _, partition in rows]}
        sql.connection.begin()
        sql.run("insert_backfill", values)
        sql.run("insert_backfill_partitions", {"backfill_id": backfill_id, **columns})
        sql.connection.commit()

    report = build_project(settings, replace(wanted, max_partitions=UNBOUNDED), sink_for, show, stop, remember)
    if recorded:
        _end(settings, backfill_id, report)
    return backfill_id, report


def resume_backfill(
    settings: Settings, wanted: Wanted, prefix: str, sink_for: Callable[[Planned], Sink], show: Show, stop: Stopper
) -> tuple[str, Report]:
    """Go on with a backfill, the latest open one for an empty prefix: only what it has not built yet, and is due, runs.

    Raises SelectionError where there is none, or it has ended.
    """
    found, wanted = wanted_to_resume(settings, wanted, prefix)
    report = build_project(settings, wanted, sink_for, show, stop)
    _end(settings, found.id, report)
    return found.id, report


def wanted_to_resume(settings: Settings, wanted: Wanted, prefix: str) -> tuple[Backfill, Wanted]:
    """Return a backfill, the latest open one for an empty prefix, and the wish for what it has not built yet.

    Raises SelectionError where there is none, or it has ended.
    """
    found = find_backfill(settings, prefix, open_only=True)
    with open_state(settings, wanted.wait_seconds, read_only=True) as sql:
        left: dict[str, list[str]] = defaultdict(list)
        for asset, partition in sql.run("backfill_left", {"backfill_id": found.id}):
            left[asset].append(partition)
    left_over = replace(
        wanted, keys=tuple(left) or NOTHING, chosen={asset: tuple(keys) for asset, keys in left.items()},
        force=found.forced, newest_first=found.order == "newest", max_active=found.max_active, max_partitions=UNBOUNDED,
    )  # fmt: skip
    return found, left_over


def asked_for(planned: Planned) -> list[tuple[str, str]]:
    """Return the partitions a backfill is to bring up to date: what is due, and what is touched of assets downstream.

    What has no partitions comes with an empty key.
    """
    found: list[tuple[str, str]] = []
    for row in planned.plan.rows:
        if row.slices:
            found += [(row.asset, one.key) for due in row.slices for one in due.partitions]
        elif row.decision is Decision.MAYBE and row.asset in planned.facts.chosen:
            found += [(row.asset, one.key) for one in planned.facts.chosen[row.asset]]
        elif row.decision in (Decision.BUILD, Decision.MAYBE):
            found.append((row.asset, ""))
    return found


def list_backfills(settings: Settings, prefix: str = "") -> list[Backfill]:
    """Return the backfills on record whose id begins so, the newest first."""
    with open_state(settings, 0, read_only=True) as sql:
        known = stored_version(sql) >= BACKFILLS_SINCE
        return [Backfill(*row) for row in sql.run("show_backfills", {"prefix": prefix})] if known else []


def find_backfill(settings: Settings, prefix: str, *, open_only: bool) -> Backfill:
    """Return the one backfill whose id begins so, the latest open one for an empty prefix. Raises SelectionError otherwise."""
    known = list_backfills(settings, prefix)
    found = [one for one in known if one.status == "open" or not open_only]
    if len(found) == 1 or (found and not prefix):
        return found[0]
    if known and not found and prefix:
        raise SelectionError(f"backfill {known[0].id} has ended: {known[0].status}", hint="See `penstock backfill --list`.")
    words = "several backfills begin with" if found else "there is no open backfill"
    raise SelectionError(f"{words} `{prefix}`" if prefix else words, hint="See `penstock backfill --list`.")


def cancel_backfill(settings: Settings, prefix: str) -> tuple[Backfill, bool]:
    """End a backfill and return it; whether its process had to be told: what it was writing is rolled back or done, never half.

    Raises SelectionError where there is none.
    """
    told = False
    try:
        found = find_backfill(settings, prefix, open_only=True)
    except WarehouseBusy:
        holder = DatabaseLock(settings.database_path).holder()
        if holder is None or not holder.command.startswith("penstock backfill"):
            raise
        os.kill(holder.pid, signal.SIGINT)
        told = True
        with locked_state(settings, "backfill --cancel", 60):
            pass
        found = find_backfill(settings, prefix, open_only=True)
    with locked_state(settings, "backfill --cancel", 60) as sql:
        sql.run("insert_backfill_end", {"backfill_id": found.id, "ended_at": utc_now(), "status": "cancelled"})
    return found, told


def _end(settings: Settings, backfill_id: str, report: Report) -> None:
    """Note that a backfill is complete; one with failures, or that was interrupted, stays open."""
    cancelled = any(outcome.message == "cancelled" for outcome in report.outcomes)
    if report.ok and not cancelled:
        with locked_state(settings, "backfill", 60) as sql:
            sql.run("insert_backfill_end", {"backfill_id": backfill_id, "ended_at": utc_now(), "status": "success"})
