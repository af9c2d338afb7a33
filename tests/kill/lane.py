"""One lane of the kill test: one database, killed over and over by a process of its own that never opens it.

Workers and judges are forked from this process after the imports, or started afresh now and then; neither happens while a
database is open or a thread runs here.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from penstock.warehouse import failpoints

from tests.kill import worker
from tests.kill.checker import Ack, violations
from tests.kill.due import EVERYTHING, Due, due, unfinished
from tests.kill.judge import Judge
from tests.kill.processes import Ended, Moment, forked, spawned

FRESH_EVERY = 10
"""Every so many fail-point kills, the worker is a new interpreter that reads the fail point from its environment."""

NEW_DATABASE_EVERY = 25
FINISH_EVERY = 4
FIRST_TIME = ("migration.", "insert_edges", "insert_gaps", "recorded_assets", "recorded_edges", "recorded_columns")


@dataclass
class Figures:
    """What a lane, or several, did."""

    kills: int = 0
    at_fail_points: int = 0
    at_random: int = 0
    violating_kills: int = 0
    finished_rounds: int = 0
    acknowledged: int = 0
    redone: int = 0
    seconds: float = 0.0
    fail_points: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class Lane:
    """Kills one worker after another on one database and has each wreck looked at."""

    def __init__(self, folder: Path, seed: int, arm: str, share: tuple[int, int] = (0, 1)) -> None:
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311 (no secrets here)
        self.arm = arm
        self.figures = Figures()
        self.databases = 0
        self.typical = 0.2
        self._new_database()
        self.hits = self._trace()
        self.round = 1
        changed = self._trace()
        self.later = changed.keys() - self.hits.keys()
        self.hits = {**changed, **self.hits}
        self.turns = sorted(self.hits)[share[0] :: share[1]]
        self.turn = 0
        self._new_database()

    def run(self, kills: int) -> Figures:
        """Kill that many workers; the figures come back."""
        started = time.monotonic()
        while self.figures.kills < kills:
            if self.databases * NEW_DATABASE_EVERY <= self.figures.kills:
                self._new_database()
            if self.figures.kills % 2 == 0:
                self._at_fail_point()
            else:
                self._at_random()
            if self.figures.kills % FINISH_EVERY == 0:
                self._build()
        self._build()
        self.figures.seconds = time.monotonic() - started
        return self.figures

    def _new_database(self) -> None:
        self.databases += 1
        self.database = self.folder / f"kill{self.databases}.duckdb"
        self.acks: list[Ack] = []
        self.round = 0
        self.due = EVERYTHING

    def _trace(self) -> dict[str, int]:
        """Find the fail points that a build passes, and how often."""
        return forked(lambda: worker.main([*self._arguments(), "--trace"])).hits

    def _arguments(self) -> list[str]:
        return [str(self.database), "--round", str(self.round), "--arm", self.arm]

    def _at_fail_point(self) -> None:
        """Strike at the next fail point in turn, at its n-th passage; one that a current database never passes gets a new one."""
        name = self.turns[self.turn % len(self.turns)]
        lap = self.turn // len(self.turns)
        self.turn += 1
        if name.startswith(FIRST_TIME):
            self._new_database()
        if name in self.later and self.due == EVERYTHING:
            self._build()
        count = 1 + (self.chance.randrange(self.hits[name]) if self.due == EVERYTHING else lap % 3 if self.hits[name] > 3 else 0)
        text = f"{name}={count}:kill"
        fresh = self.turn % FRESH_EVERY == 0
        ended = spawned("tests.kill.worker", self._arguments(), text) if fresh else forked(lambda: self._armed(text))
        self._look(ended, text)
        if ended.killed:
            self.figures.at_fail_points += 1
            self.figures.fail_points.append(name)
        else:
            self.figures.missed.append(text)

    def _armed(self, text: str) -> int:
        os.environ[failpoints.VARIABLE] = text
        failpoints.arm(os.environ[failpoints.VARIABLE])
        return worker.main(self._arguments())

    def _at_random(self) -> None:
        after = self.chance.uniform(0.0, 1.1 * self.typical)
        ended = forked(lambda: worker.main(self._arguments()), Moment(seconds=after))
        self._look(ended, f"after {after:.4f} s")
        self.figures.at_random += ended.killed

    def _build(self) -> None:
        """Let one build end by itself: then everything must equal what plain SQL makes of the same sources."""
        ended = forked(lambda: worker.main(self._arguments()))
        self.typical = 0.7 * self.typical + 0.3 * ended.seconds
        self._look(ended, "a build that nobody killed")

    def _look(self, ended: Ended, how: str) -> None:
        """Have the database judged, and settle which round comes next."""
        self.acks += ended.acks
        this, following = self.round, self._following(ended.killed)
        found: list[str] = []
        if not ended.killed and ended.status != 0:
            found.append(f"the worker ended with status {ended.status}")
        if self.database.exists():
            verdict = forked(lambda: self._judge(None if ended.killed else this, following))
            if verdict.status != 0:
                found.append("the judge could not read the database")
            found += [line.removeprefix("wrong\t") for line in verdict.lines if line.startswith("wrong\t")]
            self.due = next((Due.of(line.removeprefix("due\t")) for line in verdict.lines if line.startswith("due\t")), EVERYTHING)
            self.figures.redone += sum(int(line.removeprefix("redone\t")) for line in verdict.lines if line.startswith("redone\t"))
        self.round = following
        self.figures.kills += ended.killed
        self.figures.finished_rounds += not ended.killed
        self.figures.acknowledged += len(ended.acks)
        if found:
            self.figures.violating_kills += 1
            self.figures.violations += [f"{how}, round {this}: {text}" for text in found]
            self._new_database()

    def _following(self, killed: bool) -> int:
        """Return the next round: after a kill the same again, or one that brings other contents, or former ones back."""
        step = self.chance.choice((0, 0, 0, 1, -1)) if killed else 1
        return abs(self.round + step)

    def _judge(self, finished: int | None, following: int) -> int:
        """Print what is wrong, what was redone, and what the next build has to do; runs in a child."""
        judge = Judge(self.database)
        wrong = list(violations(judge, self.acks, self.due))
        if finished is not None and not wrong:
            wrong += unfinished(judge, finished)
        lines = [
            *(f"wrong\t{' '.join(text.split())}" for text in wrong),
            f"redone\t{judge.newer(self.due.token)}",
            f"due\t{due(judge, following).text()}",
        ]
        os.write(1, "".join(f"{line}\n" for line in lines).encode())
        return 0


def main(arguments: Sequence[str]) -> int:
    """Run one lane and print its figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--arm", default="protocol")
    parser.add_argument("--lane", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="penstock-kill-") as folder:
        lane = Lane(Path(folder), options.seed, options.arm, (options.lane, options.lanes))
        print(json.dumps(asdict(lane.run(options.kills))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
