"""Signals and a busy database: what is rolled back, what may finish, and who is named."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from workspace import Workspace

_ENDLESS = "{{ config(materialized='table') }}\nselect count(*) as n, 0 as twice from range(100000000) a(i), range(100000000) b(j) where i * j % 7 = 3\n"
_BRIEF = (
    "{{ config(materialized='table') }}\nselect 1 as n, count(*) as twice from range(20000) a(i), range(20000) b(j) where i * j % 7 = 3\n"
)
_HOLDER = "import sys, duckdb\nc = duckdb.connect(sys.argv[1])\nprint('open', flush=True)\nsys.stdin.read()"


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.02)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Read a process's output up to the line that holds a text."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(said + (process.stderr.read() if process.stderr else ""))


@pytest.fixture
def holder(small: Workspace) -> Iterator[subprocess.Popen[str]]:
    """A process that is no Penstock and has the database open for writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(small.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    read_until(process, "open")
    yield process
    process.communicate(timeout=30)


@pytest.mark.parametrize("executor", ["auto", "dbt"])
def test_an_interrupt_rolls_back_and_others_meanwhile_learn_who_is_at_work(executor: str, small: Workspace) -> None:
    small.write({"models/doubled.sql": _ENDLESS})
    process = small.start("build", "-d", "--executor", executor)
    read_until(process, "START sql table model main.doubled")
    for command in (["build"], ["status"]) if executor == "auto" else (["plan"],):
        refused = small.penstock(*command).expect(3)
        assert re.search(rf"pid {process.pid}\b", refused.stderr), refused.stderr
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2, out + err
    assert "Traceback" not in out + err
    assert "CANCELLED" in out and "nothing of what was interrupted is visible" in err
    assert small.query("select sum(twice) from doubled") == [(12,)]
    assert small.query("select status from penstock.run_history order by run_id desc limit 1") == [("cancelled",)]
    small.write({"models/doubled.sql": _BRIEF})
    assert "OK created sql table model main.doubled" in small.penstock("build").expect(0).stdout


def test_a_termination_lets_what_runs_finish_and_starts_nothing_more(small: Workspace) -> None:
    small.write({"models/doubled.sql": _BRIEF})
    process = small.start("build", "-d")
    read_until(process, "START sql table model main.doubled")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in out + err
    assert "OK created sql table model main.doubled" in out
    assert "SKIP sql table model main.coloured" in out
    assert small.query("select twice > 12 from doubled") == [(True,)]
    assert small.decisions()["doubled"] == ("REUSE", "fresh")
    assert small.decisions()["coloured"][0] == "BUILD"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_anything_runs_ends_with_a_word_and_no_trace(number: signal.Signals, small: Workspace) -> None:
    small.write({"models/doubled.sql": _BRIEF})
    lock = small.folder / "warehouse.duckdb.penstock.holder"
    lock.unlink(missing_ok=True)
    process = small.start("build")
    wait_for(lock.exists, "the build to begin")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2 and err.strip() == "Interrupted.", out + err
    small.penstock("build").expect(0)


def test_a_database_held_by_another_program_is_named_and_nothing_starts(small: Workspace, holder: subprocess.Popen[str]) -> None:
    small.write({"models/doubled.sql": _BRIEF})
    for command in (["build"], ["plan"], ["status"], ["runs"]):
        done = small.penstock(*command).expect(3)
        assert re.search(rf"pid {holder.pid}\b", done.stderr), done.stderr
        assert "--wait" in done.stderr or command != ["build"], done.stderr


def test_wait_waits_until_the_database_is_free(small: Workspace, holder: subprocess.Popen[str]) -> None:
    small.write({"data/numbers.csv": "n,name\n1,one\n"})
    note = small.folder / "warehouse.duckdb.penstock.holder"
    process = small.start("build", "--wait")
    wait_for(lambda: note.exists() and f'"pid": {process.pid},' in note.read_text(), "the waiting build to take its lock")
    assert process.poll() is None
    assert holder.stdin
    holder.stdin.close()
    holder.stdin = None
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert small.query("select count(*) from doubled") == [(1,)]


@pytest.mark.parametrize(("how", "finished"), [((), True), (("--now",), False)])
def test_a_run_is_cancelled_from_another_process(how: tuple[str, ...], finished: bool, small: Workspace) -> None:
    small.write({"models/doubled.sql": _BRIEF if finished else _ENDLESS})
    process = small.start("build", "-d")
    read_until(process, "START sql table model main.doubled")
    assert "is not `zzz`" in small.penstock("runs", "cancel", "zzz").expect(2).stderr
    asked = small.penstock("runs", "cancel", *how).expect(0)
    assert f"pid {process.pid}" in asked.stdout + asked.stderr
    process.communicate(timeout=60)
    assert process.returncode == 2
    assert small.query("select status from penstock.run_history order by run_id desc limit 1") == [("cancelled",)]
    assert (small.query("select twice from doubled order by 1")[0][0] > 12) is finished
    assert "no run is going on" in small.penstock("runs", "cancel").expect(2).stderr


def test_what_a_killed_process_left_is_unlocked_and_a_living_one_keeps_its_lock(small: Workspace) -> None:
    small.write({"models/doubled.sql": _ENDLESS})
    process = small.start("build", "-d")
    read_until(process, "START sql table model main.doubled")
    assert re.search(rf"pid {process.pid}\b", small.penstock("store", "unlock").expect(3).stderr)
    process.kill()
    process.communicate(timeout=30)
    assert f"pid {process.pid}" in small.penstock("store", "unlock").expect(0).stdout
    assert "nothing to unlock" in small.penstock("store", "unlock").expect(0).stdout
