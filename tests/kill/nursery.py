"""A process for a test to fork from: the test's own may have threads or a database open, and then must not fork.

The test sends one request a line and gets one answer a line, both JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penstock.warehouse import failpoints

from tests.kill import worker
from tests.kill.checker import violations
from tests.kill.due import EVERYTHING, unfinished
from tests.kill.judge import Judge
from tests.kill.processes import Ended, forked

ROOT = Path(__file__).parents[2]


class Nursery:
    """The test's side."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.kill.nursery"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate()

    def build(self, database: Path, *options: str, killed_at: str = "") -> Ended:
        """Run one build to its end, or until it dies at a fail point."""
        return self._ask({"build": [str(database), *options], "failpoint": f"{killed_at}:kill" if killed_at else None})

    def judge(self, database: Path, finished: int | None = None, *, part: bool = False) -> list[str]:
        """Return whether there is a store, and all that is wrong; after a build that ended well also what differs from plain SQL.

        `part`: the build was of some assets alone.
        """
        ended = self._ask({"judge": str(database), "finished": finished, "part": part})
        assert ended.status == 0
        return list(ended.lines)

    def _ask(self, request: dict[str, Any]) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return Ended(**{**answer, "lines": tuple(answer["lines"])})


def _build(arguments: Sequence[str], failpoint: str | None) -> int:
    failpoints.arm(failpoint)
    return worker.main(arguments)


def _judge(database: Path, finished: int | None, *, part: bool) -> int:
    judge = Judge(database)
    before = replace(EVERYTHING, must=frozenset()) if part else EVERYTHING
    lines = ["store" if judge.has_store else "no store", *violations(judge, [], before)]
    lines += unfinished(judge, finished) if finished is not None else ()
    os.write(1, "".join(f"{line}\n" for line in lines).encode())
    return 0


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "build" in request:
            ended = forked(lambda asked=request: _build(asked["build"], asked["failpoint"]))  # type: ignore[misc]
        else:
            ended = forked(lambda asked=request: _judge(Path(asked["judge"]), asked["finished"], part=asked["part"]))  # type: ignore[misc]
        print(json.dumps(asdict(ended)), flush=True)


if __name__ == "__main__":
    _serve()
