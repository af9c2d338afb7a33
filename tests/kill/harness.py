"""The kill test: N kills spread over lanes, each a process with a database of its own.

`python -m tests.kill.harness --kills 4000 --seed 1` prints the figures and ends with 1 where anything was wrong.
`--arm control` runs the protocol done wrong, which must be seen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.kill.lane import Figures

ROOT = Path(__file__).parents[2]


def run(kills: int, seed: int, *, arm: str = "protocol", lanes: int = 2) -> Figures:
    """Kill that many workers in all and return the figures of all lanes together, `seconds` by the wall clock."""
    started = time.monotonic()
    shares = [kills // lanes + (number < kills % lanes) for number in range(lanes)]
    processes = [_lane(share, seed * 1000 + number, arm, number, lanes) for number, share in enumerate(shares)]
    answers = [process.communicate() for process in processes]
    for process, (_, errors) in zip(processes, answers, strict=True):
        if process.returncode != 0:
            raise RuntimeError(f"a lane broke:\n{errors}")
    total = Figures()
    for output, _ in answers:
        for name, value in json.loads(output).items():
            setattr(total, name, getattr(total, name) + value)
    if total.violations:
        total.violations += [errors[-1500:] for _, errors in answers if errors]
    total.seconds = time.monotonic() - started
    return total


def _lane(kills: int, seed: int, arm: str, number: int, lanes: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.kill.lane", "--kills", str(kills), "--seed", str(seed), "--arm", arm]
    command += ["--lane", str(number), "--lanes", str(lanes)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def report(figures: Figures) -> str:
    """Return the figures as lines."""
    lines = [
        f"kills            {figures.kills}: {figures.at_fail_points} at {len(set(figures.fail_points))} fail points, {figures.at_random} at random",
        f"violating kills  {figures.violating_kills}",
        f"built after all  {figures.finished_rounds} builds ended by themselves, each compared with plain SQL",
        f"acknowledged     {figures.acknowledged} results, all looked up again after every later kill of that database",
        f"recorded         {figures.redone} results, each of them due",
        f"seconds          {figures.seconds:.1f}, {figures.seconds / max(1, figures.kills):.3f} a kill",
    ]
    return "\n".join([*lines, *figures.violations[:40]])


def main(arguments: Sequence[str]) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--arm", choices=["protocol", "control"], default="protocol")
    options = parser.parse_args(arguments)
    figures = run(options.kills, options.seed, arm=options.arm, lanes=options.lanes)
    print(report(figures))
    return 1 if figures.violating_kills else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
