"""Finding the project and its configuration, and saying plainly what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from penstock.errors import ConfigError, PenstockError, ProjectError
from project_files import PROFILES, found, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(folder: Path, **more: object) -> PenstockError:
    with pytest.raises((ConfigError, ProjectError)) as caught:
        found(folder, **more)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    return caught.value


def test_a_project_in_the_current_folder_is_found(tmp_path: Path) -> None:
    settings = found(write(tmp_path))
    assert (settings.root, settings.project_dir, settings.profiles_dir) == (tmp_path,) * 3
    assert settings.work == tmp_path / "target" / "penstock"
    assert (settings.dbt.name, settings.profile.name, settings.profile.schema, settings.threads) == ("shop", "dev", "main", 3)
    assert (settings.file.state_schema, settings.database_path) == ("penstock", tmp_path / "shop.duckdb")
    assert settings.project_files == tuple(tmp_path / name for name in ("dbt_project.yml", "profiles.yml", "penstock.yml"))


def test_a_project_named_in_penstock_yml_is_found(tmp_path: Path) -> None:
    write(tmp_path / "etl" / "shop")
    (tmp_path / "penstock.yml").write_text("dbt_project: etl\nstate_schema: state\n")
    assert str(refused(tmp_path)) == "penstock.yml: `dbt_project: etl` holds no dbt_project.yml"
    (tmp_path / "penstock.yml").write_text("dbt_project: etl/shop\nstate_schema: state\n")
    settings = found(tmp_path)
    assert settings.project_dir == tmp_path / "etl" / "shop"
    assert settings.file.state_schema == "penstock", "without a repository penstock.yml is looked for one folder up at most"
    (tmp_path / ".git").mkdir()
    assert (found(tmp_path).root, found(tmp_path).file.state_schema) == (tmp_path, "state")


def test_a_project_in_its_usual_folder_is_found(tmp_path: Path) -> None:
    write(tmp_path / "dbt_project")
    (tmp_path / "penstock.yml").write_text("ingest: loads\n")
    settings = found(tmp_path)
    assert (settings.project_dir, settings.root, settings.file.ingest) == (tmp_path / "dbt_project", tmp_path, "loads")
    assert found(tmp_path / "dbt_project").root == tmp_path, "the same from within"


def test_a_project_named_on_the_command_line_or_in_the_environment_is_found(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one"), write(tmp_path / "other")
    assert found(tmp_path, project_dir="one").project_dir == one
    assert found(tmp_path, env={"DBT_PROJECT_DIR": "other"}).project_dir == other
    assert found(tmp_path, project_dir="one", env={"DBT_PROJECT_DIR": "other"}).project_dir == one
    assert found(tmp_path, project_dir=str(other)).project_dir == other
    assert str(refused(tmp_path, project_dir="none")) == "there is no dbt_project.yml in none"


def test_no_project_at_all_has_advice(tmp_path: Path) -> None:
    error = refused(tmp_path)
    assert (str(error), "penstock init --demo" in error.hint) == ("there is no dbt project here", True)


def test_profiles_are_looked_for_as_dbt_does(tmp_path: Path) -> None:
    folder = write(tmp_path / "dbt_project")
    assert found(tmp_path).profiles_dir == folder
    home = write(tmp_path / "home" / ".dbt")
    (folder / "profiles.yml").unlink()
    assert found(tmp_path, env={"HOME": str(tmp_path / "home")}).profiles_dir == home
    elsewhere = write(tmp_path / "elsewhere")
    assert found(tmp_path, profiles_dir="elsewhere").profiles_dir == elsewhere
    assert found(tmp_path, env={"DBT_PROFILES_DIR": "elsewhere"}).profiles_dir == elsewhere
    (tmp_path / "penstock.yml").write_text("profiles_dir: elsewhere\n")
    assert found(tmp_path).profiles_dir == elsewhere
    (tmp_path / "profiles.yml").write_text(PROFILES)
    assert found(tmp_path).profiles_dir == elsewhere, "penstock.yml is more exact than the current folder"


def test_missing_profiles_name_every_folder_that_was_searched(tmp_path: Path) -> None:
    write(tmp_path / "dbt_project")
    (tmp_path / "dbt_project" / "profiles.yml").unlink()
    error = refused(tmp_path)
    assert str(error) == "there is no profiles.yml in ., dbt_project, no home/.dbt"
    assert "--profiles-dir" in error.hint
    assert str(refused(tmp_path, profiles_dir="x")) == "there is no profiles.yml in x"


def test_target_profile_threads_and_folder_are_taken_from_the_nearest_place(tmp_path: Path) -> None:
    write(tmp_path)
    assert found(tmp_path, target="prod").profile.schema == "prod"
    assert found(tmp_path, env={"DBT_TARGET": "prod"}).profile.name == "prod"
    (tmp_path / "penstock.yml").write_text("target: prod\n")
    assert found(tmp_path).profile.name == "prod"
    assert found(tmp_path, target="dev", env={"DBT_TARGET": "prod"}).profile.name == "dev"
    (tmp_path / "profiles.yml").write_text(PROFILES + "other: {outputs: {default: {type: duckdb, path: x.db}}}\n")
    assert found(tmp_path, profile="other", target="default").profile.path == "x.db"
    assert found(tmp_path, env={"DBT_PROFILE": "other"}, target="default").profile.profile == "other"
    assert found(tmp_path, threads=9).threads == 9
    assert found(tmp_path, target_path="out").work == tmp_path / "out" / "penstock"
    assert found(tmp_path, env={"DBT_TARGET_PATH": "/elsewhere"}).work == Path("/elsewhere/penstock")


def test_a_missing_profile_names_file_and_line_and_what_there_is(tmp_path: Path) -> None:
    write(tmp_path)
    error = refused(tmp_path, profile="stop")
    assert (str(error), error.hint) == ("profiles.yml:1: there is no profile `stop` (known: shop)", "Check `profile:` in dbt_project.yml.")


def test_a_missing_target_names_file_and_line_and_what_there_is(tmp_path: Path) -> None:
    write(tmp_path / "dbt_project")
    (tmp_path / "dbt_project" / "profiles.yml").write_text("# a comment\n\n" + PROFILES)
    error = refused(tmp_path, target="dve")
    assert str(error).startswith("dbt_project/profiles.yml:3: profile `shop` has no target `dve` (known: bucket, cloud, dev, ")
    assert error.hint == "Use --target."


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("memory", "target `memory` is an in-memory database, which forgets all state when the process ends"),
        ("cloud", "target `cloud` is not a local database file"),
        ("motherduck", "target `motherduck` is not a local database file"),
        ("lake", "target `lake` is not a local database file"),
        ("bucket", "target `bucket` is not a local database file"),
        ("far", "target `far` is not a local database file"),
        ("postgres", "target `postgres` has type `postgres`; this version builds on duckdb"),
        ("many", "`threads` must be a number, found 'lots'"),
    ],
)
def test_a_target_that_cannot_hold_the_state_is_refused(tmp_path: Path, target: str, message: str) -> None:
    assert str(refused(write(tmp_path), target=target)) == f"profiles.yml: {message}"


@pytest.mark.parametrize(
    "variable", ["DBT_EMPTY", "DBT_ENGINE_EMPTY", "DBT_SAMPLE", "DBT_DEFER", "DBT_DEFER_STATE", "DBT_EVENT_TIME_START"]
)
def test_what_would_make_dbt_build_something_else_is_refused(tmp_path: Path, variable: str) -> None:
    write(tmp_path)
    error = refused(tmp_path, env={variable: "1"})
    assert (str(error).split(" ")[0], error.hint) == (variable, f"Unset {variable}.")
    for off in ("", "0", "False", "no"):
        assert found(tmp_path, env={variable: off}).dbt.name == "shop"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("dbt_project.yml", "name: [", "dbt_project.yml:"),
        ("dbt_project.yml", "version: 1\n", "dbt_project.yml:1: `name` is missing"),
        ("dbt_project.yml", "- a\n", "dbt_project.yml:1: expected `key: value` pairs"),
        ("profiles.yml", "shop:\n  a: b: c\n", "profiles.yml:2"),
        ("profiles.yml", "shop: {outputs: {dev: {type: duckdb, path: \"{{ env_var('NOPE') }}\"}}, target: dev}", "the environment variable NOPE is not set"),
        ("penstock.yml", "ingets: x\n", "penstock.yml:1"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    write(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(PenstockError) as caught:
        found(tmp_path)
    assert message in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize("name", ["dbt_project.yml", "profiles.yml", "penstock.yml"])
def test_a_file_that_is_no_text_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / name).write_bytes(b"name: \xff\xfe\n")
    error = refused(tmp_path)
    assert name in str(error) and "this file is not UTF-8 text" in str(error)


def test_variables_of_the_command_line_reach_the_profile(tmp_path: Path) -> None:
    write(tmp_path, profiles_yml="shop: {target: dev, outputs: {dev: {type: duckdb, path: \"{{ var('place') }}.duckdb\"}}}\n")
    assert found(tmp_path, vars={"place": "here"}).profile.path == "here.duckdb"
