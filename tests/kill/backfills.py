"""Backfills that are killed and resumed until they are done: one lane, a database after the other, through the command line itself.

Every command is a process of its own, forked from this one after the imports, or started afresh now and then; this one
never opens a database.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb
from penstock.ui.cli import main as penstock
from penstock.warehouse import failpoints

from tests.kill import backfill_judge as judging
from tests.kill.backfill_project import BACKFILL, DATABASE, RESUME, SMALL, SOURCE, acknowledged, write_project
from tests.kill.judge import Judge
from tests.kill.processes import Ended, Moment, Tracer, forked, spawned

KILLS_A_DATABASE = 40
FRESH_EVERY = 11
"""Every so many commands are a new interpreter."""

MOST_LINES = 6
"""A command is struck after at most so many lines, also where it does not pass the fail point that was chosen."""

MOST_PASSAGES = 150
"""So many fail points are passed, about, until then."""

FIRST_TIME = (
    "migration.",
    "insert_backfill.",
    "insert_backfill_partitions.",
    "insert_edges.",
    "insert_definitions.",
    "insert_assets.",
    "insert_columns.",
    "insert_column_",
    "recorded_",
)
ENDED = "there is no open backfill"
"""What a command says that comes after one which was killed with nothing left to do."""

LAST_MOMENT = "insert_backfill_end.before=1:kill"
HOWS = ((), ("--order", "newest"), ("--max-active", "3"))


@dataclass
class Tally:
    """What a lane did."""

    kills: int = 0
    at_fail_points: int = 0
    at_random: int = 0
    databases: int = 0
    told: int = 0
    seconds: float = 0.0
    fail_points: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class Lane:
    """Kills one backfill after another in a folder of its own."""

    def __init__(self, folder: Path, seed: int, share: tuple[int, int]) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.share = share
        self.tally = Tally()
        self.commands = 0
        self.turns: dict[bool, list[str]] = {}
        self.hits: dict[str, int] = {}

    def run(self, kills: int) -> Tally:
        """Kill that many commands; the last backfill is brought to its end."""
        started = time.monotonic()
        self._prepare()
        while self.tally.kills < kills:
            self._backfill(min(KILLS_A_DATABASE, kills - self.tally.kills))
        self.tally.seconds = time.monotonic() - started
        return self.tally

    def _prepare(self) -> None:
        """Let dbt parse and compile once; find the fail points, and what there is to import before all forks."""
        write_project(self.folder)
        self._new_database()
        assert forked(lambda: self._command(SMALL)).status == 0
        self._new_database()
        ended = forked(lambda: self._command(SMALL, traced=True))
        for line in ended.lines:
            if line.startswith("module\t"):
                with contextlib.suppress(ImportError):
                    importlib.import_module(line.removeprefix("module\t"))
        self.hits = ended.hits
        first = {name for name in ended.hits if name.startswith(FIRST_TIME)}
        for new, names in ((True, first), (False, ended.hits.keys() - first)):
            self.turns[new] = sorted(names)[self.share[0] :: self.share[1]]
            self.chance.shuffle(self.turns[new])

    def _new_database(self) -> None:
        for path in self.folder.glob(f"{DATABASE}*"):
            path.unlink()

        def make() -> int:
            with duckdb.connect(str(self.folder / DATABASE)) as connection:
                connection.execute(SOURCE)
            return 0

        assert forked(make).status == 0
        self.tally.databases += 1
        self.told: list[str] = []

    def _command(self, arguments: Sequence[str], failpoint: str = "", *, traced: bool = False) -> int:
        """Run the command line in this process, a forked one."""
        os.dup2(1, 2)
        os.chdir(self.folder)
        tracer = Tracer()
        failpoints.arm(failpoint or None)
        if traced:
            failpoints._armed = tracer  # type: ignore[assignment]
        code = 70
        try:
            penstock(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        lines = [f"hit\t{name}\t{count}" for name, count in tracer.passed.items()]
        lines += [f"module\t{name}" for name in sys.modules if not name.startswith(("dbt", "_", "tests"))] if traced else []
        os.write(1, "".join(f"{line}\n" for line in lines).encode())
        return code

    def _backfill(self, kills: int) -> None:
        """Begin one backfill in a new database, kill it that often, and bring it to its end."""
        self._new_database()
        arguments: Sequence[str] = (*BACKFILL, *self.chance.choice(HOWS))
        begun = False
        for number in range(kills):
            ended, how = self._killed(arguments, new=not begun)
            self._look(ended, f"{how}, command {number}: {' '.join(arguments)}")
            if not ended.killed:
                break
            begun = begun or self._is_open()
            arguments = RESUME if begun else arguments
        else:
            ended = self._end(arguments)
        if ended.status and not any(line.endswith(ENDED) for line in ended.lines):
            self.tally.violations += [f"the last command ended with {ended.status}", *ended.lines[-8:]]

    def _end(self, arguments: Sequence[str]) -> Ended:
        """Bring a backfill to its end, killed once more when all is done but the note that says so."""
        ended = forked(lambda: self._command(arguments, LAST_MOMENT))
        self._look(ended, "killed when everything was done")
        if ended.killed:
            ended = forked(lambda: self._command(RESUME))
            self._look(ended, "the last command")
        return ended

    def _killed(self, arguments: Sequence[str], *, new: bool) -> tuple[Ended, str]:
        """Run a command and strike: at a fail point and its n-th passage, or after some lines and a share of a line's time."""
        self.commands += 1
        failpoint = self._fail_point(self.turns[new])
        lines = MOST_LINES + 3 if failpoint else self.chance.randint(1, MOST_LINES)
        kill = Moment(lines=lines, share=self.chance.random())
        if self.commands % FRESH_EVERY == 0:
            where = ("--project-dir", str(self.folder), "--profiles-dir", str(self.folder))
            ended = spawned("penstock.ui.cli", [*arguments, *where], failpoint, kill)
        else:
            ended = forked(lambda: self._command(arguments, failpoint), kill)
        aimed = bool(failpoint) and len(ended.lines) < kill.lines
        if ended.killed and aimed:
            self.tally.fail_points.append(failpoint.partition("=")[0])
        self.tally.at_fail_points += ended.killed and aimed
        self.tally.at_random += ended.killed and not aimed
        return ended, failpoint if aimed else f"after {len(ended.lines)} lines"

    def _fail_point(self, turns: list[str]) -> str:
        """Choose, of five times, twice the next fail point in turn, once any at its n-th passage of all, twice none."""
        kind = self.commands % 5
        if kind in (0, 2):
            return ""
        if kind == 4:
            return f"*={self.chance.randint(1, MOST_PASSAGES)}:kill"
        turns.append(turns.pop(0))
        return f"{turns[-1]}={self.chance.randint(1, min(4, self.hits[turns[-1]]))}:kill"

    def _is_open(self) -> bool:
        ended = forked(lambda: self._command(("backfill", "--list")))
        return any(line.rstrip().endswith(" open") for line in ended.lines)

    def _look(self, ended: Ended, how: str) -> None:
        """Have the database judged."""
        self.tally.kills += ended.killed
        self.told += [key for line in ended.lines for key in acknowledged(line)]
        self.tally.told += sum(len(acknowledged(line)) for line in ended.lines)
        finished = ended.status == 0 or any(line.endswith(ENDED) for line in ended.lines)
        verdict = forked(lambda: self._judge(finished=finished))
        found = [line.removeprefix("wrong\t") for line in verdict.lines if line.startswith("wrong\t")]
        if verdict.status:
            found.append("the judge could not read the database")
        self.tally.violations += [f"{how}: {text}" for text in found]

    def _judge(self, *, finished: bool) -> int:
        judge = Judge(self.folder / DATABASE)
        wrong = [*judging.violations(judge, self.told), *(judging.unfinished(judge) if finished else ())]
        os.write(1, "".join(f"wrong\t{' '.join(text.split())}\n" for text in wrong[:20]).encode())
        return 0


def main(arguments: Sequence[str]) -> int:
    """Run one lane and print its tally as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--lane", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="penstock-backfill-") as folder:
        lane = Lane(Path(folder), options.seed, (options.lane, options.lanes))
        print(json.dumps(asdict(lane.run(options.kills))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
