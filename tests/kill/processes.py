"""Processes that get killed: what they print, when they are struck, and how they ended."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from penstock.warehouse import failpoints

from tests.kill.checker import Ack


@dataclass(frozen=True, slots=True)
class Moment:
    """When to strike: some seconds after the start, or after so many lines and a share (0 to 1) of the time that a line took."""

    seconds: float = 0.0
    lines: int = 0
    share: float = 0.0


class Tracer:
    """Counts the fail points that are passed, instead of firing."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()

    def hit(self, name: str) -> None:
        self.passed[name] += 1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child process ended: what it printed, its exit status, and whether it was killed."""

    lines: tuple[str, ...]
    status: int
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    @property
    def acks(self) -> list[Ack]:
        """What it acknowledged; a line cut short by the kill was never an acknowledgement."""
        found = [line.split("\t") for line in self.lines if line.startswith("ack\t")]
        return [Ack(asset, name, int(token), int(rows) if rows else None) for _, asset, name, token, rows in found]

    @property
    def hits(self) -> dict[str, int]:
        """How often each fail point was passed, where the worker traced them."""
        found = [line.split("\t") for line in self.lines if line.startswith("hit\t")]
        return {name: int(count) for _, name, count in found}


def forked(work: Callable[[], int], kill: Moment | None = None) -> Ended:
    """Run a function in a forked child; kill it at a moment, where one is given. No database may be open here, no thread run."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.close(read)
            os.dup2(write, 1)
            code = work()
        except BaseException:  # noqa: BLE001 (a child must never run on into its parent's code)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return _watched(pid, read, write, _Trigger(kill))


def spawned(module: str, arguments: Sequence[str], failpoint: str, kill: Moment | None = None) -> Ended:
    """Run a module in a new interpreter, its fail point in the environment."""
    read, write = os.pipe()
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, failpoints.VARIABLE: failpoint}
    pid = os.posix_spawn(sys.executable, command, environment, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    return _watched(pid, read, write, _Trigger(kill))


@dataclass
class _Trigger:
    """Tells when a process is to be struck, by its own progress."""

    kill: Moment | None
    started: float = field(default_factory=time.monotonic)
    due_at: float | None = None

    def __post_init__(self) -> None:
        if self.kill is not None and not self.kill.lines:
            self.due_at = self.started + self.kill.seconds

    def seen(self, lines: int) -> None:
        """Take in how many lines there are by now."""
        if self.kill is not None and self.due_at is None and 0 < self.kill.lines <= lines:
            now = time.monotonic()
            self.due_at = now + self.kill.share * (now - self.started) / lines

    @property
    def left(self) -> float | None:
        """Seconds until then; None where it is not known, or over."""
        return None if self.due_at is None else max(0.0, self.due_at - time.monotonic())


def _watched(pid: int, read: int, write: int, trigger: _Trigger) -> Ended:
    os.close(write)
    said = b""
    struck = False
    while True:
        ready, _, _ = select.select([read], [], [], None if struck else trigger.left)
        if not ready:
            os.kill(pid, signal.SIGKILL)
            struck = True
            continue
        part = os.read(read, 65536)
        if not part:
            break
        said += part
        trigger.seen(said.count(b"\n"))
    os.close(read)
    _, status = os.waitpid(pid, 0)
    *lines, _cut = said.decode().split("\n")
    return Ended(tuple(lines), status, time.monotonic() - trigger.started)
