"""Kill `penstock backfill` again and again and resume it: every partition is published exactly once, with its record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kill.backfills import Tally

ROOT = Path(__file__).parents[2]


def run(kills: int, seed: int, lanes: int) -> Tally:
    """Kill so many commands, in several processes with databases of their own."""
    command = [sys.executable, "-m", "tests.kill.backfills", "--lanes", str(lanes), "--kills", str(kills // lanes)]
    processes = [
        subprocess.Popen([*command, "--lane", str(lane), "--seed", str(seed + lane)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for lane in range(lanes)
    ]
    total = Tally()
    for output in [process.communicate()[0] for process in processes]:
        for name, value in json.loads(output).items():
            setattr(total, name, getattr(total, name) + value)
    return total


def check(tally: Tally, kills: int) -> None:
    """Check that the kills were as many and as manifold as they should be, and did no harm."""
    assert tally.violations == []
    assert tally.kills >= kills
    assert tally.at_fail_points >= kills / 4
    assert tally.at_random >= kills / 4
    assert len(set(tally.fail_points)) >= kills / 5
    assert tally.told >= 365


def test_sixty_kills_of_a_backfill_publish_every_partition_exactly_once() -> None:
    check(run(60, seed=1, lanes=1), 60)


@pytest.mark.slow
def test_two_hundred_kills_of_backfills_publish_every_partition_exactly_once() -> None:
    check(run(200, seed=100, lanes=2), 200)
