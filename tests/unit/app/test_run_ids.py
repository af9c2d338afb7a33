"""Run ids sort as the runs began, and tell two runs of one moment apart."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from penstock.app.runs import git_sha, new_run_id, utc_now

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1))


@given(TIMES, st.timedeltas(timedelta(microseconds=64), timedelta(days=365)))
def test_a_later_run_has_a_later_id(first: datetime, more: timedelta) -> None:
    assert new_run_id(first) < new_run_id(first + more)


@given(TIMES)
def test_ids_are_plain_words_of_one_length(now: datetime) -> None:
    run_id = new_run_id(now)
    assert len(run_id) == 12
    assert run_id.isascii() and run_id.isalnum() and run_id == run_id.lower()


def test_ids_of_one_moment_differ_by_chance() -> None:
    now = datetime(2024, 3, 14)
    ids = {new_run_id(now) for _ in range(50)}
    assert len(ids) > 40
    assert len({run_id[:9] for run_id in ids}) == 1


def test_the_time_is_utc_without_a_zone() -> None:
    from datetime import UTC

    assert utc_now().tzinfo is None
    assert abs(utc_now() - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)


def test_a_folder_outside_a_repository_has_no_commit(tmp_path: Path) -> None:
    assert git_sha(tmp_path) == ""


def test_the_commit_of_a_repository_is_found(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    found = git_sha(tmp_path)
    assert len(found) == 40 and int(found, 16)
