"""The side-file lock: one Penstock process at a time works on a database, and the others learn who it is."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from penstock.errors import WarehouseBusy


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a database: shown to whoever finds it busy."""

    command: str
    pid: int
    since: str
    run_id: str = ""

    def __str__(self) -> str:
        run = f", run {self.run_id}" if self.run_id else ""
        return f"`{self.command}` (pid {self.pid}{run}, since {self.since})"


class DatabaseLock:
    """A lock beside the database file. Raises WarehouseBusy when another process has it."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._lock = FileLock(f"{database}.penstock.lock")
        self._note = Path(f"{database}.penstock.holder")

    def acquire(self, holder: Holder, wait_seconds: float) -> None:
        """Take the lock, waiting at most `wait_seconds` (-1: for ever)."""
        try:
            self._lock.acquire(timeout=wait_seconds, poll_interval=0.1)
        except Timeout as error:
            raise busy(self._database, str(self.holder() or "another Penstock process")) from error
        with suppress(OSError):
            self._note.write_text(json.dumps(asdict(holder)), encoding="utf-8")

    def holder(self) -> Holder | None:
        """Return who holds the lock, where that can be read."""
        try:
            return Holder(**json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def release(self) -> None:
        """Give the lock back."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._note.unlink()
            self._lock.release()

    def forget(self) -> None:
        """Remove the note of a holder that is gone."""
        with suppress(OSError):
            self._note.unlink()

    def held_by_other(self) -> bool:
        """Tell whether another process has the lock now."""
        if self._lock.is_locked:
            return False
        try:
            with self._lock.acquire(timeout=0):
                return False
        except Timeout:
            return True


def busy(database: Path, holder: str) -> WarehouseBusy:
    """Return the one clear line about a database that another process holds."""
    shown = os.path.relpath(database)
    return WarehouseBusy(f"{shown} is in use by {holder}", hint="Use --wait, or close the other program and try again.")
