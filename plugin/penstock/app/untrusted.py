"""`ci --untrusted`: a fork's checkout is only parsed, by a child process that knows nothing worth stealing.

The parent reads no file of the checkout. The child gets an allow-listed environment, an empty home, a profile without a
warehouse, and limits of time, memory and file size; what it returns are plain values, which the parent's reports escape.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from penstock.errors import ConfigError, PenstockError
from penstock.plan.difference import Difference
from penstock.plan.verdict import Finding, Severity, Verdict

ALLOWED = frozenset({"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"})
"""The only variables that the child inherits: none of them has ever held a secret."""

_MOST_ANSWER = 64 << 20
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": "3",
    "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",  # the home is another one, which git's own check relies on
    "GIT_CONFIG_KEY_1": "safe.bareRepository", "GIT_CONFIG_VALUE_1": "explicit",
    "GIT_CONFIG_KEY_2": "core.hooksPath", "GIT_CONFIG_VALUE_2": os.devnull,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Untrusted:
    """What to look at, and how much it may cost: seconds of the clock, bytes of address space."""

    folder: str
    project_dir: str = ""
    base: str = ""
    labels: tuple[str, ...] = ()
    seconds: int = 300
    memory: int = 4 << 30


def child_environment(env: Mapping[str, str], home: str) -> dict[str, str]:
    """Return the environment of the child: what is allowed of this one, and what keeps tools from looking elsewhere."""
    own = {"HOME": home, "TMPDIR": home, "NO_COLOR": "1", "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    return {**{name: value for name, value in env.items() if name in ALLOWED}, **own, **_GIT}


def untrusted_verdict(wish: Untrusted, env: Mapping[str, str]) -> Verdict:
    """Have a child process look at a checkout.

    A checkout that cannot be read within the limits fails; ConfigError for what the caller has to mend.
    """
    if os.name != "posix":
        raise ConfigError("--untrusted needs the limits of a POSIX system", hint="Run it on Linux or macOS.")
    with tempfile.TemporaryDirectory(prefix="penstock-untrusted-") as home, tempfile.TemporaryFile() as answer:
        child = subprocess.Popen(
            [sys.executable, "-I", "-m", "penstock.app.untrusted_child"],
            stdin=subprocess.PIPE, stdout=answer, stderr=subprocess.DEVNULL, cwd=home, env=child_environment(env, home),
            start_new_session=True,
        )  # fmt: skip
        try:
            child.communicate(json.dumps(dataclasses.asdict(wish)).encode(), timeout=wish.seconds)
        except subprocess.TimeoutExpired:
            return _gave_up(wish, f"reading it took more than {wish.seconds} seconds")
        finally:
            _end(child)
        return _answer(wish, answer, child.returncode)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the child and of what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _answer(wish: Untrusted, answer: IO[bytes], code: int) -> Verdict:
    from pydantic import TypeAdapter, ValidationError

    answer.seek(0)
    text = answer.read(_MOST_ANSWER)
    try:
        said: Any = json.loads(text)
        if "error" in said:
            raise ConfigError(str(said["error"]), hint=str(said.get("hint", "")))
        return TypeAdapter(Verdict).validate_python(said["verdict"])
    except (ValueError, TypeError, KeyError, ValidationError):
        return _gave_up(wish, f"reading it needed more than {wish.memory >> 20:,} MB, or broke the reader (status {code})")


def _gave_up(wish: Untrusted, why: str) -> Verdict:
    found = Finding("parse", Severity.ERROR, f"The checkout could not be read: {why}.", remedy="A maintainer should look at it by hand.")
    return Verdict(Difference(wish.base, "working tree"), (found,))


def told(error: PenstockError) -> dict[str, str]:
    """Return an error as the child tells it."""
    return {"error": str(error), "hint": error.hint}
