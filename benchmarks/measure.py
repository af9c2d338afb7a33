"""Run one command as a cold process and measure what it cost."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Settings of whoever runs the benchmark must not reach the tools that it compares.
FOREIGN_SETTINGS = ("DBT_", "PENSTOCK_")


@dataclass(frozen=True)
class Cost:
    """What one process cost: wall seconds, user plus system CPU seconds, peak resident MB."""

    wall: float
    cpu: float
    peak_mb: float


class CommandFailed(Exception):
    """A measured command could not be started or ended with an error."""

    def __init__(self, command: Sequence[str], reason: str, output: str = "") -> None:
        """Keep the command line, why it counts as failed, and all that it printed."""
        super().__init__(f"{' '.join(command)}\n{reason}\n{output}".rstrip())


def run(command: Sequence[str], folder: Path) -> Cost:
    """Run `command` in `folder` and return its cost, or raise CommandFailed with its output.

    The kernel hands a parent's peak memory on to its child, so the calling process must stay small:
    neither duckdb nor dbt nor rich may be imported here.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise CommandFailed(command, f"could not be started: {error.strerror}") from error
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise CommandFailed(command, f"ended with exit code {process.returncode}", text)
    # ru_maxrss is in kB on Linux.
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def environment() -> dict[str, str]:
    """Return this process's environment without settings of dbt or Penstock."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure over repeated runs."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.peak_mb for cost in costs),
    )
