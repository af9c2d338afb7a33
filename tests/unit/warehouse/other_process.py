"""Another process that holds a database or its lock until it is told to let go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATABASE = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""
LOCK = """
import sys
from pathlib import Path
from penstock.warehouse.lock import DatabaseLock, Holder
lock = DatabaseLock(Path(sys.argv[1]))
lock.acquire(Holder("penstock build -s orders", 4242, "06:00:00 UTC", "run7"), 0)
print("ready", flush=True)
sys.stdin.read()
lock.release()
"""


@contextmanager
def holding(script: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a script with a path; it ends with the block."""
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
        if process.poll() is None and process.stdin is not None:
            process.stdin.close()
            process.wait()
