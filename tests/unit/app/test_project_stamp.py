"""When dbt must parse again: what the files hold decides, and what they ask of variables and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penstock.app.project_files import Stamp
from project_files import DBT_PROJECT, found, write

LONG_AGO = 1_000_000_000
MODEL = "models/a.sql"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path, models__a_sql="select '{{ env_var(\"COUNTRY\", \"nl\") }}' as a", ingest__raw__t_sql="select 1 as a",
        macros__m_sql="{% macro m() %}1{% endmacro %}", penstock_yml="ingest: ingest\n",
    )  # fmt: skip
    for path in tmp_path.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return tmp_path


def stamp(folder: Path, known: dict[str, Any], **more: Any) -> Stamp:
    return Stamp(found(folder, **more), known)


def unchanged(folder: Path, known: dict[str, Any], **more: Any) -> tuple[bool, bool]:
    one = stamp(folder, known, **more)
    return one.unchanged_dbt(), one.unchanged_ingest()


@pytest.fixture
def known(folder: Path) -> dict[str, Any]:
    return stamp(folder, {}).taken()


def test_nothing_is_unchanged_the_first_time(folder: Path) -> None:
    assert unchanged(folder, {}) == (False, False)


def test_what_did_not_change_is_unchanged_also_in_its_own_stamp(folder: Path, known: dict[str, Any]) -> None:
    assert unchanged(folder, known) == (True, True)
    assert stamp(folder, known).taken() == known


def edit(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    return change


@pytest.mark.parametrize(
    "change",
    [
        edit(MODEL, "select 2 as a"), edit("models/new.sql", "select 1"), edit("models/deep.yml", "version: 2"), edit("models/doc.md", "x"),
        edit("macros/m.sql", ""), edit("seeds/s.csv", "a\n"), edit("tests/t.sql", "select 1"), edit("packages.yml", "packages: []"),
        edit("dbt_project.yml", DBT_PROJECT + "# more\n"), edit("penstock.yml", "ingest: ingest\n# more\n"),
        lambda folder: (folder / MODEL).unlink(), lambda folder: (folder / MODEL).rename(folder / "models/b.sql"),
        lambda folder: (folder / "profiles.yml").write_text((folder / "profiles.yml").read_text() + "# more\n"),
    ],
)  # fmt: skip
def test_each_change_of_dbts_files_makes_it_parse_again(folder: Path, known: dict[str, Any], change: Callable[[Path], None]) -> None:
    change(folder)
    assert unchanged(folder, known) == (False, True)


@pytest.mark.parametrize(
    "change",
    [edit("ingest/raw/t.sql", "select 2 as a"), edit("ingest/raw/new.sql", ""), lambda folder: (folder / "ingest/raw/t.sql").unlink()],
)
def test_a_change_of_ingestion_files_alone_leaves_dbts_manifest(
    folder: Path, known: dict[str, Any], change: Callable[[Path], None]
) -> None:
    change(folder)
    assert unchanged(folder, known) == (True, False)


def test_a_new_time_alone_changes_nothing(folder: Path, known: dict[str, Any]) -> None:
    for path in folder.rglob("*"):
        os.utime(path)
    assert unchanged(folder, known) == (True, True)


def test_what_dbt_does_not_read_changes_nothing(folder: Path, known: dict[str, Any]) -> None:
    for name in ("README.md", "target/manifest.json", "data/x.csv", "logs/dbt.log", "ingest/notes.txt", "models/__pycache__/x.pyc"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    assert unchanged(folder, known) == (True, True)


def test_a_file_with_the_same_size_and_time_is_not_read_again(folder: Path, known: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.app import project_files

    def refuse(path: Path) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr(project_files, "_bytes", refuse)
    assert unchanged(folder, known) == (True, True)


def test_a_file_that_was_just_written_is_read_again_whatever_its_time_says(folder: Path) -> None:
    path = folder / MODEL
    path.write_text("select 1 as a")
    stat = path.stat()
    known = stamp(folder, {}).taken()
    path.write_text("select 2 as a")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert unchanged(folder, known) == (False, True)


def test_an_environment_variable_that_a_file_names_matters(folder: Path, known: dict[str, Any]) -> None:
    assert unchanged(folder, known, env={"COUNTRY": "be"}) == (False, True)
    assert unchanged(folder, known, env={"COUNTRY": ""}) == (False, True), "empty is not the same as missing"
    assert unchanged(folder, known, env={"OTHER": "be"}) == (True, True)
    there = stamp(folder, {}, env={"COUNTRY": "be"}).taken()
    assert unchanged(folder, there, env={"COUNTRY": "be"}) == (True, True)
    assert "be" not in str(there["env"])


def test_variables_target_and_profile_matter(folder: Path, known: dict[str, Any]) -> None:
    assert unchanged(folder, known, vars={"a": 1}) == (False, True)
    assert unchanged(folder, known, target="prod") == (False, True)
    assert unchanged(folder, known, threads=2) == (True, True)
    there = stamp(folder, {}, vars={"a": 1}).taken()
    assert unchanged(folder, there, vars={"a": 1}) == (True, True)
    assert unchanged(folder, there, vars={"a": "1"}) == (False, True)


def test_files_of_packages_matter_and_share_their_paths(folder: Path, known: dict[str, Any]) -> None:
    package = folder / "dbt_packages" / "helper" / "models"
    package.mkdir(parents=True)
    (package / "a.sql").write_text("select 1")
    one = stamp(folder, known)
    assert not one.unchanged_dbt()
    before = one.project_files()[MODEL]
    (package / "a.sql").write_text("select 2")
    assert stamp(folder, known).project_files()[MODEL] != before


def test_a_file_in_the_target_folder_under_a_model_path_is_left_out(folder: Path) -> None:
    (folder / "dbt_project.yml").write_text(DBT_PROJECT + "model-paths: ['.']\n")
    known = stamp(folder, {}).taken()
    (folder / "target" / "penstock").mkdir(parents=True)
    (folder / "target" / "penstock" / "manifest.json").write_text("{}")
    assert unchanged(folder, known)[0]
