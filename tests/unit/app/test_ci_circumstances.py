"""What a CI service says of a pull request, and what a report must not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from penstock.app.ci import _located
from penstock.app.ci_circumstances import base_of, labels_of, secrets_around
from penstock.app.ci_throwaway import PREFIX, production_of, sweep, throwaway
from penstock.assets.redact import redact
from penstock.errors import ConfigError
from penstock.plan.difference import AssetChange, Category, Difference
from project_files import found, write

SECRETS = """\
shop:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: "{{ flags.PROFILES_DIR }}/shop.duckdb"
      schema: main
      secrets: [{type: s3, key_id: AKIACANARY, secret: "s3-canary", region: eu-central-1}]
      attach: [{path: "other.duckdb", alias: other}, "plain.duckdb"]
      motherduck_token: token-canary
    prod:
      type: duckdb
      path: "{{ env_var('PROD_PATH', 'prod.duckdb') }}"
      schema: prod
      password: "{{ env_var('PROD_PASSWORD', 'hunter-canary') }}"
"""


def test_labels_come_from_githubs_event(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"labels": [{"name": "a b"}, {"name": "c"}]}}))
    assert labels_of({"GITHUB_EVENT_PATH": str(event)}) == ("a b", "c")
    for text in ('{"pull_request": null}', "{}", "[]"):
        event.write_text(text)
        assert labels_of({"GITHUB_EVENT_PATH": str(event)}) == ()
    assert labels_of({}) == labels_of({"GITHUB_EVENT_PATH": str(tmp_path / "nothing")}) == ()
    event.write_text('{"pull_request": {"labels": [1]}}')
    with pytest.raises(ConfigError, match="no event of GitHub's"):
        labels_of({"GITHUB_EVENT_PATH": str(event)})


def test_the_base_is_what_was_given_else_the_branch_the_service_names() -> None:
    assert base_of("x", {"GITHUB_BASE_REF": "main"}) == "x"
    assert base_of("", {"GITHUB_BASE_REF": "main"}) == "origin/main"
    assert base_of("", {"GITHUB_BASE_REF": "", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "trunk"}) == "origin/trunk"
    assert base_of("", {}) == ""


def test_the_profiles_secrets_are_blanked_out_of_every_report(tmp_path: Path) -> None:
    settings = found(write(tmp_path, profiles_yml=SECRETS))
    hidden = secrets_around({"A_TOKEN": "env-canary", "PATH": "/usr/bin"}, settings)
    text = "AKIACANARY s3-canary token-canary env-canary eu-central-1 /usr/bin main"
    assert redact(text, hidden) == "***** ***** ***** ***** eu-central-1 /usr/bin main"


def test_the_throw_away_target_is_like_production_but_for_its_file(tmp_path: Path) -> None:
    settings = found(write(tmp_path, profiles_yml=SECRETS))
    production = production_of(settings, "")
    assert production.profile.name == "prod", "`defer_target`, where the profile has it"
    with throwaway(settings, production, "abc") as place:
        assert (place.profile.name, place.profile.schema, place.profile.database) == ("ci", "prod", "penstock_ci_abc")
        assert place.database_path.parent == place.profiles_dir == settings.work / "ci" / "penstock_ci_abc"
        assert place.work.is_relative_to(place.profiles_dir) and not place.work.is_relative_to(settings.work / "graph.json")
        outputs = yaml.safe_load((place.profiles_dir / "profiles.yml").read_text())["shop"]["outputs"]
        assert outputs["ci"]["password"] == "{{ env_var('PROD_PASSWORD', 'hunter-canary') }}", "Jinja stays Jinja"
        assert production_of(place, "dev").database_path == settings.database_path, "PROFILES_DIR is still the folder it was"
    assert not place.profiles_dir.exists()


def test_the_target_that_is_named_gives_its_settings_and_its_name(tmp_path: Path) -> None:
    settings = found(write(tmp_path, profiles_yml=SECRETS), target="dev")
    with throwaway(settings, production_of(settings, ""), "abc") as place:
        assert (place.profile.name, place.profile.schema) == ("dev", "main")
        assert place.profile.raw["attach"] == [{"path": "other.duckdb", "alias": "other", "read_only": True}, "plain.duckdb"]
    alone = production_of(settings, "dev")
    with throwaway(settings, alone, "abd") as place:
        assert (alone.profile.name, place.profile.name) == ("dev", "ci"), "production's own name would run production's side effects"


def test_what_the_project_attaches_can_only_be_read(tmp_path: Path) -> None:
    settings = found(write(tmp_path, profiles_yml=SECRETS, penstock_yml="attach: {a: {path: a.duckdb, read_only: false}}\n"))
    with throwaway(settings, production_of(settings, ""), "abc") as place:
        assert (settings.file.attach["a"].read_only, place.file.attach["a"].read_only) == (False, True)


def test_files_are_named_as_the_repository_names_them(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = write(tmp_path / "data", penstock_yml="dbt_project: dbt\n")
    (folder / "dbt").mkdir()
    for name in ("dbt_project.yml", "profiles.yml"):
        (folder / name).rename(folder / "dbt" / name)
    paths = ("models/a.sql", "ingest/raw/b.sql", "checks/c.sql", "")
    changes = tuple(AssetChange(path, path, "model", path, "modified", Category.BREAKING, "") for path in paths)
    located = _located(found(folder), Difference("a", "b", changes))
    assert [one.path for one in located.changes] == ["data/dbt/models/a.sql", "data/ingest/raw/b.sql", "data/checks/c.sql", ""]


def test_a_failure_inside_leaves_nothing(tmp_path: Path) -> None:
    settings = found(write(tmp_path, profiles_yml=SECRETS))
    with pytest.raises(RuntimeError), throwaway(settings, production_of(settings, ""), "abc"):
        raise RuntimeError
    assert list((settings.work / "ci").iterdir()) == []


def test_the_place_of_a_run_that_lives_is_left_alone(tmp_path: Path) -> None:
    settings = found(write(tmp_path))
    folder = settings.work / "ci"
    alive, dead = folder / f"{PREFIX}a", folder / f"{PREFIX}b"
    for place in (alive, dead, folder / "other"):
        place.mkdir(parents=True)
    (folder / f"{PREFIX}b.lock").touch()
    with FileLock(folder / f"{PREFIX}a.lock"):
        assert sweep(settings) == [dead.name]
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["other", alive.name]
