"""`profiles.yml` and `dbt_project.yml` mean what dbt makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.errors import ConfigError, PenstockError, ProjectError
from penstock.parser.profile import DbtProjectFile, ProfileTarget, load_dbt_yaml, read_dbt_project, read_profile


def target(output: str, name: str | None = None, env: dict[str, str] | None = None, **variables: Any) -> ProfileTarget:
    text = f"shop:\n  target: dev\n  outputs:\n    dev: {output}\n    prod: {{type: duckdb, path: prod.duckdb}}\n"
    return read_profile(text, "/home/me/profiles.yml", "shop", name, env or {}, variables)


def test_the_defaults_are_dbt_duckdbs() -> None:
    found = target("{type: duckdb}")
    assert (found.path, found.database, found.schema, found.threads, found.obstacles) == (":memory:", "memory", "main", 1, ())


def test_a_target_is_the_one_named_else_the_profiles_own() -> None:
    assert target("{type: duckdb}").name == "dev"
    assert target("{type: duckdb}", "prod").path == "prod.duckdb"


@pytest.mark.parametrize(
    ("path", "database"), [("a.duckdb", "a"), ("/x/y.z/my.db.duckdb", "my"), (".hidden.duckdb", "hidden"), ("plain", "plain")]
)
def test_the_database_is_named_after_the_file(path: str, database: str) -> None:
    assert target(f"{{type: duckdb, path: '{path}'}}").database == database


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ env_var('N') | as_number }}", 4), ("{{ env_var('F') | as_number }}", 1.5), ("{{ env_var('N') }}", "4"),
        ("n{{ env_var('N') }}", "n4"), ("{{ env_var('MISSING', '7') | int }}", 7), ("{{ env_var('B') | as_bool }}", True),
        ("{{ var('v') }}", "from var"), ("{{ var('none', 'else') }}", "else"), ("{{ flags.PROFILES_DIR }}", "/home/me"),
        ("{% if true %}yes{% endif %}", "yes"), ("{{ 'a' ~ 'b' }}", "ab"),
    ],
)  # fmt: skip
def test_a_value_is_rendered_and_a_lone_expression_keeps_its_type(text: str, value: Any) -> None:
    found = target(f'{{type: duckdb, settings: {{x: "{text}"}}}}', env={"N": "4", "F": "1.5", "B": "True"}, v="from var")
    assert found.raw["settings"]["x"] == value


@pytest.mark.parametrize("key", ["plugins", "use_credential_provider", "filesystems", "module_paths", "retries", "disable_transactions"])
def test_a_setting_that_only_dbts_connection_covers_is_an_obstacle(key: str) -> None:
    assert target(f"{{type: duckdb, {key}: [1]}}").obstacles == (f"profile {key}",)


def test_settings_that_we_cover_are_no_obstacle() -> None:
    assert target("{type: duckdb, settings: {a: 1}, extensions: [json], attach: [{path: x}], secrets: [], retries: null}").obstacles == ()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("{type: duckdb, path: \"{{ env_var('NOPE') }}\"}", "NOPE is not set"),
        ('{type: duckdb, path: "{{ nope }}"}', "nope"),
        ('{type: duckdb, path: "{{ 1 / 0 }}"}', "division"),
        ("{type: duckdb, path: \"{{ ''.__class__ }}\"}", "unsafe"),
        ('{type: duckdb, path: "{{ broken"}', "cannot render"),
        ("{type: duckdb, threads: many}", "threads"),
    ],
)
def test_a_value_that_cannot_be_rendered_is_told_with_the_file(output: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        target(output)
    assert str(caught.value).startswith("/home/me/profiles.yml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shop: {target: a, outputs: {b: {type: duckdb}}}", r"no target `a` \(known: b\)"),
        ("shop: {outputs: [a]}", r"no target `default` \(known: none\)"),
        ("shop: {}", "no target `default`"),
        ("other: {}\n1: {}\nconfig: {}", r"no profile `shop` \(known: 1, other\)"),
        ("shop: text", "no profile `shop`"),
    ],
)
def test_a_missing_profile_or_target_is_told_with_those_that_are_there(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_profile(text, "profiles.yml", "shop", None, {})


def test_dbts_yaml_is_version_1_1() -> None:
    assert load_dbt_yaml("a: yes\nb: &x {c: 1}\nd: {<<: *x}", "f") == {"a": True, "b": {"c": 1}, "d": {"c": 1}}


@pytest.mark.parametrize(("text", "place"), [("a: [", "f:2"), ("- a", "f:1"), ("a: 1\nb: c: d", "f:2:5"), ("\0", "f")])
def test_broken_dbt_yaml_is_told_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load_dbt_yaml(text, "f")
    assert str(caught.value.at).startswith(place)


def test_a_project_has_dbts_default_folders_and_is_its_own_profile() -> None:
    found = read_dbt_project("name: shop", "dbt_project.yml", {})
    assert found == DbtProjectFile("shop", "shop", "target", ("models", "seeds", "tests", "analyses", "macros", "snapshots", "functions"))


def test_a_projects_folders_and_names_are_read_and_rendered() -> None:
    text = "name: shop\nprofile: \"{{ env_var('P') }}\"\nmodel-paths: [a, b]\ntarget-path: out\npackages-install-path: pk\nvars: {x: 1}"
    found = read_dbt_project(text, "dbt_project.yml", {"P": "mine"})
    assert (found.profile, found.target_path, found.packages_path, found.vars) == ("mine", "out", "pk", {"x": 1})
    assert {"a", "b"} <= set(found.paths) and "models" not in found.paths


def test_a_project_without_a_name_is_refused() -> None:
    with pytest.raises(PenstockError, match="`name` is missing"):
        read_dbt_project("profile: x", "dbt_project.yml", {})
