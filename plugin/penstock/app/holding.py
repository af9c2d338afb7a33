"""Holding the target's database, so that no other run of Penstock writes it meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from penstock.app.runs import utc_now
from penstock.app.settings import Settings
from penstock.errors import SelectionError
from penstock.warehouse.lock import DatabaseLock, Holder, busy


@contextmanager
def held_database(
    settings: Settings, command: str, wait_seconds: float = 0, *, now: datetime | None = None, run_id: str = ""
) -> Iterator[None]:
    """Hold the database for a command that began `now`. Raises WarehouseBusy where another process holds it longer than the wait."""
    lock = DatabaseLock(settings.database_path)
    lock.acquire(Holder(f"penstock {command}", os.getpid(), (now or utc_now()).strftime("%H:%M:%S UTC"), run_id), wait_seconds)
    try:
        yield
    finally:
        lock.release()


def cancel_run(settings: Settings, run: str, *, at_once: bool = False) -> Holder:
    """Ask the process whose run's id begins so to stop, and return it: what runs may finish or, `at_once`, is rolled back.

    Raises SelectionError where no such run is going on here.
    """
    lock = DatabaseLock(settings.database_path)
    holder = lock.holder() if lock.held_by_other() else None
    if holder is None or not holder.run_id:
        raise SelectionError("no run is going on", hint="See `penstock runs`.")
    if not holder.run_id.startswith(run):
        raise SelectionError(f"the run that is going on is not `{run}`, but {holder.run_id}", hint="Give the start of its id, or none.")
    try:
        os.kill(holder.pid, signal.SIGINT if at_once else signal.SIGTERM)
    except (ProcessLookupError, PermissionError) as error:
        hint = "It may run on another machine or as another user."
        raise SelectionError(f"{holder} cannot be reached: {error.strerror}", hint=hint) from error
    return holder


def unlock(settings: Settings) -> Holder | None:
    """Remove the note that a process left which ended without giving the database back, and return what it says.

    The lock itself ends with its process. Raises WarehouseBusy where a process still holds it.
    """
    lock = DatabaseLock(settings.database_path)
    left = lock.holder()
    if lock.held_by_other():
        raise busy(settings.database_path, str(left or "another Penstock process"))
    lock.forget()
    return left
