"""The lock beside a database: one Penstock process at a time, and the others learn who it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from other_process import LOCK, holding
from penstock.errors import EXIT_LOCKED, WarehouseBusy
from penstock.warehouse.lock import DatabaseLock, Holder

MINE = Holder("penstock run", 1, "noon")


def test_a_second_process_learns_who_holds_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lock = DatabaseLock(tmp_path / "w.duckdb")
    with holding(LOCK, tmp_path / "w.duckdb"):
        assert lock.held_by_other()
        with pytest.raises(WarehouseBusy) as caught:
            lock.acquire(MINE, 0)
    assert str(caught.value) == "w.duckdb is in use by `penstock build -s orders` (pid 4242, run run7, since 06:00:00 UTC)"
    assert (caught.value.exit_code, "--wait" in caught.value.hint) == (EXIT_LOCKED, True)


def test_the_lock_is_free_after_it_was_given_back(tmp_path: Path) -> None:
    lock = DatabaseLock(tmp_path / "w.duckdb")
    with holding(LOCK, tmp_path / "w.duckdb"):
        pass
    assert (lock.held_by_other(), lock.holder()) == (False, None)
    lock.acquire(MINE, 0)
    assert lock.holder() == MINE
    assert not lock.held_by_other(), "held by ourselves"
    lock.release()
    lock.release()
    assert lock.holder() is None


def test_the_lock_is_free_after_its_holder_was_killed_who_stays_on_record(tmp_path: Path) -> None:
    lock = DatabaseLock(tmp_path / "w.duckdb")
    with holding(LOCK, tmp_path / "w.duckdb") as process:
        process.kill()
        process.wait()
    assert not lock.held_by_other()
    assert lock.holder() == Holder("penstock build -s orders", 4242, "06:00:00 UTC", "run7")
    lock.acquire(MINE, 0)
    assert lock.holder() == MINE
    lock.release()


@pytest.mark.parametrize("note", ["", "{", "[]", '{"command": "x"}', '{"command": "x", "pid": 1, "since": "", "more": 1}'])
def test_a_holder_whose_note_cannot_be_read_is_another_process(tmp_path: Path, note: str) -> None:
    with holding(LOCK, tmp_path / "w.duckdb"):
        (tmp_path / "w.duckdb.penstock.holder").write_text(note)
        with pytest.raises(WarehouseBusy, match="in use by another Penstock process"):
            DatabaseLock(tmp_path / "w.duckdb").acquire(MINE, 0)


def test_whoever_waits_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    lock = DatabaseLock(tmp_path / "w.duckdb")
    with holding(LOCK, tmp_path / "w.duckdb") as process:
        assert process.stdin is not None
        process.stdin.close()
        lock.acquire(MINE, 30)
    assert lock.holder() == MINE
    lock.release()
