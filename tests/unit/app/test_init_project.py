"""`penstock init` adds files once and never touches what is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from penstock.app import init_project as module
from penstock.app.init_project import init_demo, init_project
from penstock.errors import ConfigError
from project_files import found, write


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def actions(done: list[module.Written]) -> dict[str, str]:
    return {item.path.name: item.action for item in done}


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    before = contents(tmp_path)
    assert [item.action for item in init_project(tmp_path)] == ["written"] * 3
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    assert sorted(set(after) - set(before)) == [".github/workflows/penstock.yml", ".gitignore", "penstock.yml"]
    assert [item.action for item in init_project(tmp_path)] == ["kept"] * 3
    assert contents(tmp_path) == after


def test_the_written_file_is_accepted_and_changes_no_default(tmp_path: Path) -> None:
    before = found(write(tmp_path)).file
    init_project(tmp_path)
    assert found(tmp_path).file == before


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    write(tmp_path, penstock_yml="state_schema: mine\n")
    (tmp_path / ".gitignore").write_text("target/\n# my own\n*.tmp")
    assert actions(init_project(tmp_path, workflow=False)) == {"penstock.yml": "kept", ".gitignore": "added"}
    assert (tmp_path / "penstock.yml").read_text() == "state_schema: mine\n"
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[:3] == ["target/", "# my own", "*.tmp"]
    assert lines.count("target/") == 1 and {"*.duckdb", "*.penstock.lock", "*.penstock.holder"} <= set(lines)


def test_a_folder_without_a_project_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no dbt_project\.yml in ") as caught:
        init_project(tmp_path)
    assert "--demo" in caught.value.hint
    assert contents(tmp_path) == {}


def test_the_demo_is_written_with_its_data_and_written_again_without_change(tmp_path: Path) -> None:
    folder = tmp_path / "it's a shop"
    done = init_demo(folder)
    files = contents(folder)
    assert {"penstock.yml", "dbt_project/dbt_project.yml", "dbt_project/profiles.yml"} <= set(files)
    for ending in (".csv", ".parquet", ".json"):
        assert any(name.startswith("data/") and name.endswith(ending) for name in files), ending
    assert not any(part in name for name in files for part in ("target/", ".duckdb", "__pycache__"))
    assert {item.action for item in done} == {"written"}
    assert found(folder).dbt.name
    (folder / "data" / "orders" / "more.csv").write_text("a new day")
    after = contents(folder)
    assert {item.action for item in init_demo(folder)} == {"kept"}
    assert contents(folder) == after


def test_the_demo_mends_a_file_and_data_that_are_gone(tmp_path: Path) -> None:
    init_demo(tmp_path)
    files = contents(tmp_path)
    (tmp_path / "penstock.yml").unlink()
    shutil.rmtree(tmp_path / "data")
    assert [item.path.name for item in init_demo(tmp_path) if item.action == "written"] == ["penstock.yml", "data"]
    again = contents(tmp_path)
    assert {name for name in again if not name.startswith("data/")} == {name for name in files if not name.startswith("data/")}
    assert again["data/customers.parquet"] == files["data/customers.parquet"]


def test_the_demo_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "penstock.yml").write_text("state_schema: mine\n")
    with pytest.raises(ConfigError, match=r"1 files differ from the demo, for example penstock\.yml") as caught:
        init_demo(tmp_path)
    assert caught.value.hint == "Choose an empty folder."
    assert contents(tmp_path) == {"penstock.yml": b"state_schema: mine\n"}
