"""Fail points: places where a test makes the process die, raise or sleep, named by one environment variable.

`PENSTOCK_FAILPOINT=name=count:action` fires at the `count`-th time `name` is passed; `*` stands for every name.
Actions: `kill` (SIGKILL), `raise` (InjectedFault), `sleep:SECONDS`. Without the variable a fail point costs one test.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from fnmatch import fnmatchcase

VARIABLE = "PENSTOCK_FAILPOINT"


class InjectedFault(RuntimeError):
    """A fail point raised, as the test asked."""


class _Armed:
    def __init__(self, text: str) -> None:
        self.pattern, _, rest = text.partition("=")
        count, _, self.action = rest.partition(":")
        self.left = int(count)
        self.lock = threading.Lock()

    def hit(self, name: str) -> None:
        if not fnmatchcase(name, self.pattern):
            return
        with self.lock:
            self.left -= 1
            if self.left != 0:
                return
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action.startswith("sleep:"):
            time.sleep(float(self.action.removeprefix("sleep:")))
        else:
            raise InjectedFault(name)


_armed = _Armed(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def failpoint(name: str) -> None:
    """Pass the fail point `name`."""
    if _armed is not None:
        _armed.hit(name)


def arm(text: str | None) -> None:
    """Set or clear the fail point of this process, as the environment variable would at start."""
    global _armed  # noqa: PLW0603 (one switch for the whole process, as an environment variable is)
    _armed = _Armed(text) if text else None
