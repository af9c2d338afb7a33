"""Databases that are attached: what is wrong with one is told by its name, and one that is held is waited for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from other_process import DATABASE, holding
from penstock.errors import ConfigError, WarehouseBusy
from penstock.warehouse.duckdb import open_duckdb


def attached(folder: Path, kind: str = "duckdb", alias: str = "crm", **more: object) -> dict[str, object]:
    return {"alias": alias, "path": str(folder / f"crm.{kind}"), "type": kind, "read_only": True, **more}


def test_an_attached_database_is_read_by_every_connection_and_written_by_none(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "crm.duckdb")).execute("create table a as select 1 as x").close()
    warehouse = open_duckdb(tmp_path / "w.duckdb", {}, attach=[attached(tmp_path)])
    assert warehouse.connect().execute("from crm.a") == [(1,)]
    with pytest.raises(Exception, match="read-only"):
        warehouse.connect().execute("insert into crm.a values (2)")
    warehouse.close()


@pytest.mark.parametrize("read_only", [True, False])
def test_tables_of_a_sqlite_file_are_there_whether_the_target_is_written_or_not(tmp_path: Path, read_only: bool) -> None:
    open_duckdb(tmp_path / "w.duckdb", {}).close()
    with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as source:
        source.executescript("create table a (x integer); insert into a values (1); create table b (y)")
    warehouse = open_duckdb(tmp_path / "w.duckdb", {}, read_only=read_only, attach=[attached(tmp_path, "sqlite", tables=["A"])])
    assert warehouse.connect().execute("from crm.main.a") == [(1,)]
    assert warehouse.connect().execute("select table_name from duckdb_tables() where database_name = 'crm'") == [("a",)]
    warehouse.close()


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_a_failure_names_the_attachment_and_leaves_the_target_free(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"crm.{kind}").write_text("nothing of the kind" * 100)
    with pytest.raises(ConfigError, match=rf"^cannot attach `crm` \(.*crm.{kind}\): "):
        open_duckdb(tmp_path / "w.duckdb", {}, attach=[attached(tmp_path, kind)])
    duckdb.connect(str(tmp_path / "w.duckdb"), read_only=False, config={"threads": 1}).close()


def test_an_attachment_does_not_go_by_the_targets_name(tmp_path: Path) -> None:
    for kind in ("duckdb", "sqlite"):
        with pytest.raises(ConfigError, match="is the name of the target's own database"):
            open_duckdb(tmp_path / "w.duckdb", {}, attach=[attached(tmp_path, kind, "W")])


def test_an_attached_database_that_another_process_holds_is_busy_or_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holding(DATABASE, tmp_path / "crm.duckdb") as process:
        with pytest.raises(WarehouseBusy, match=rf"crm.duckdb is in use by python[\d.]* \(pid {process.pid}\)$"):
            open_duckdb(tmp_path / "w.duckdb", {}, attach=[attached(tmp_path)])
        waits = []

        def let_go(seconds: float) -> None:
            waits.append(seconds)
            assert process.stdin is not None
            process.stdin.close()
            process.wait()

        monkeypatch.setattr("penstock.warehouse.duckdb.time.sleep", let_go)
        open_duckdb(tmp_path / "w.duckdb", {}, wait_seconds=-1, attach=[attached(tmp_path)]).close()
        assert len(waits) == 1
