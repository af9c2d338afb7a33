"""Opening a database file: what is wrong comes as one message, a remedy and the documented exit code."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from other_process import DATABASE, holding
from penstock.errors import EXIT_LOCKED, EXIT_USAGE, ConfigError, WarehouseBusy
from penstock.warehouse.duckdb import _remedy, open_duckdb


def refused(path: Path, **target: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        open_duckdb(path, target)
    assert caught.value.exit_code == EXIT_USAGE
    return caught.value


def test_a_file_is_made_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "it's new.duckdb"
    first = open_duckdb(path, {})
    first.connect().execute("create table a as select 1 as x")
    first.close()
    again = open_duckdb(path, {}, read_only=True)
    assert again.connect().execute("select * from a") == [(1,)]
    again.close()


def test_a_file_that_is_no_database_is_named_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_text("not a database at all " * 500)
    error = refused(path)
    assert str(error).startswith("cannot open w.duckdb: ")
    assert "Stack Trace" not in str(error)
    assert error.hint == "Check `path:` in profiles.yml; that file is something else."


def test_a_folder_that_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    error = refused(tmp_path / "no such folder" / "w.duckdb")
    assert "no such folder" in str(error)
    assert error.hint == "Check the folder in `path:` in profiles.yml."


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path).hint


def test_an_unknown_option_of_the_engine_is_refused(tmp_path: Path) -> None:
    assert "no_such_option" in str(refused(tmp_path / "w.duckdb", config_options={"no_such_option": 1}))


def test_a_file_of_another_version_says_so() -> None:
    error = duckdb.SerializationException("... the database file was created with a newer version of DuckDB")
    assert _remedy(error) == "That file was written by another DuckDB version; use the same one."


def test_a_database_that_another_process_holds_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with holding(DATABASE, tmp_path / "w.duckdb") as process:
        for read_only in (False, True):
            with pytest.raises(WarehouseBusy, match=rf"^w\.duckdb is in use by python[\d.]* \(pid {process.pid}\)$") as caught:
                open_duckdb(tmp_path / "w.duckdb", {}, read_only=read_only)
            assert (caught.value.exit_code, "--wait" in caught.value.hint) == (EXIT_LOCKED, True)


def test_whoever_waits_opens_the_database_when_it_is_free(tmp_path: Path) -> None:
    with holding(DATABASE, tmp_path / "w.duckdb") as process:
        assert process.stdin is not None
        process.stdin.close()
        open_duckdb(tmp_path / "w.duckdb", {}, wait_seconds=-1).close()


def test_a_setting_that_does_not_exist_is_refused_and_the_file_is_free_again(tmp_path: Path) -> None:
    warehouse = open_duckdb(tmp_path / "w.duckdb", {"settings": {"no_such_setting": 1}})
    with pytest.raises(ConfigError, match=r"(?s)the profile's settings do not work: .*no_such_setting"):
        warehouse.connect()
    warehouse.close()
    with pytest.raises(ConfigError, match="the profile's connection settings do not work: "):
        open_duckdb(tmp_path / "w.duckdb", {"attach": [{"path": str(tmp_path / "none" / "x.duckdb")}]})
    with holding(DATABASE, tmp_path / "w.duckdb"):
        pass


def test_relations_are_listed_by_schema_in_lower_case(tmp_path: Path) -> None:
    warehouse = open_duckdb(tmp_path / "w.duckdb", {})
    connection = warehouse.connect()
    for statement in (
        'create schema "Mixed"',
        'create table "Mixed"."Big One" (a int)',
        'create view "v" as select 1',
        "create table t (a int)",
    ):
        connection.execute(statement)
    found = {str(name): standing.type for name, standing in warehouse.catalog([("W", "MIXED"), ("w", "main")]).items()}
    assert found == {"mixed.big one": "table", "main.v": "view", "main.t": "table"}
    assert warehouse.catalog([("w", "other"), ("x", "main")]) == {}
    warehouse.close()


def test_every_connection_has_the_settings_and_its_own_search_path(tmp_path: Path) -> None:
    (tmp_path / "some data.csv").write_text("a\n1\n")
    warehouse = open_duckdb(tmp_path / "w.duckdb", {"settings": {"TimeZone": "Asia/Tokyo"}})
    first, second = warehouse.connect(str(tmp_path)), warehouse.connect()
    zone = "select current_setting('TimeZone')"
    assert first.execute(zone) == second.execute(zone) == [("Asia/Tokyo",)]
    assert first.execute("from 'some data.csv'") == [(1,)]
    assert second.execute("select current_setting('file_search_path')") == [("",)]
    warehouse.close()
