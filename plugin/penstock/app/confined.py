"""Confining this process for good: what it may use, which files it may open, what it may start.

Jinja of a project is code. dbt's sandbox keeps it from most of Python, but adapters hand it methods that query the warehouse
(and DuckDB reads any file) or run Python. So nothing is ever compiled or executed here, no database is opened, and an audit
hook, which nothing in Python can take away again, refuses files, programs and connections that parsing has no use for.
This is no wall against a flaw in Python itself: a fork's job must have no secrets on its disk either.
"""

from __future__ import annotations

import os
import resource
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from penstock.errors import ProjectError

_FILE_BYTES = 1 << 30
_REFUSED = frozenset({
    "socket.connect", "socket.bind", "socket.sendto", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn",
    "os.startfile", "ctypes.dlopen", "ftplib.connect", "urllib.Request", "sqlite3.connect",
})  # fmt: skip
_OPENING = frozenset({"open", "os.listdir", "os.scandir"})
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/opt", "/etc/localtime", "/etc/mime.types", "/etc/ssl", "/dev/null", "/dev/urandom")


def confine(top: Path, home: Path, *, seconds: int, memory: int) -> None:
    """Confine the process to a checkout, a home of its own, and the libraries: seconds of processor time, bytes of memory."""
    _load_what_needs_more()
    for limit, value in {
        resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: seconds, resource.RLIMIT_FSIZE: _FILE_BYTES, resource.RLIMIT_CORE: 0,
    }.items():  # fmt: skip
        with suppress(ValueError, OSError):  # a lower limit is in force already
            resource.setrlimit(limit, (value, value))
    _execute_nothing()
    sys.addaudithook(_guard(_places(top, home), top))


def _load_what_needs_more() -> None:
    """Import what looks around while it is imported, before that is forbidden."""
    import_module("penstock.dbt.session")


def _execute_nothing() -> None:
    import duckdb

    from penstock.app.gateway import DbtGateway

    def refused(*_: Any, **__: Any) -> NoReturn:
        raise ProjectError("nothing of an untrusted checkout is executed")

    duckdb.connect = refused
    DbtGateway.compile = refused  # type: ignore[method-assign]
    DbtGateway.nodes = refused  # type: ignore[method-assign]


def _places(top: Path, home: Path) -> tuple[str, ...]:
    own = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]), str(top), str(home))
    libraries = (*sysconfig.get_paths().values(), *filter(None, sys.path))
    return tuple({os.path.realpath(path): None for path in (*_SYSTEM, *libraries, *own)})


def _guard(places: tuple[str, ...], top: Path) -> Callable[[str, tuple[Any, ...]], None]:
    inside = tuple(f"{place.rstrip('/')}/" for place in places)
    git = f"{os.path.realpath(top)}/.git/"

    def allowed(path: str) -> bool:
        found = os.path.realpath(path)
        return (found in places or found.startswith(inside)) and not f"{found}/".startswith(git)

    def guard(event: str, args: tuple[Any, ...]) -> None:
        if event in _REFUSED:
            raise PermissionError(f"{event} is refused to an untrusted checkout")
        if event == "subprocess.Popen" and os.path.basename(os.fsdecode(args[0] or "")) != "git":  # noqa: PTH119 (runs before pathlib may)
            raise PermissionError("no program but git is started for an untrusted checkout")
        if event in _OPENING and isinstance(args[0], (str, bytes, os.PathLike)) and not allowed(os.fsdecode(args[0])):
            raise PermissionError(f"{os.fsdecode(args[0])} is closed to an untrusted checkout")

    return guard
