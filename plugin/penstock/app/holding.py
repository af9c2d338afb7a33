"""Holding the target's database, so that no other run of Penstock writes it meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from penstock.app.runs import utc_now
from penstock.app.settings import Settings
from penstock.warehouse.lock import DatabaseLock, Holder


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
