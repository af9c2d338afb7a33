"""`penstock diff` on a scripted git repository: categories, what is reached, rows, and what it leaves behind: nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from workspace import Workspace

MORE = {
    ".gitignore": "target/\n*.duckdb\nlogs/\n",
    "models/wide.sql": "{{ config(materialized='table') }}\nselect n, twice from {{ ref('doubled') }}\n",
    "models/positive.sql": "{{ config(materialized='table') }}\nselect n from {{ ref('doubled') }} where n > 0\n",
    "models/kept.sql": "{{ config(materialized='table') }}\nselect n from {{ ref('positive') }}\n",
    "models/unused.sql": "{{ config(materialized='view') }}\nselect n from {{ ref('positive') }}\n",
    "models/history.sql": "{{ config(materialized='incremental') }}\nselect n from {{ ref('wide') }}\n"
    "{% if is_incremental() %}where n > (select max(n) from {{ this }}){% endif %}\n",
    "models/macroed.sql": "select {{ doubled_of('n') }} as d from {{ ref('positive') }}\n",
    "macros/doubled_of.sql": "{% macro doubled_of(name) %}{{ name }} * 2{% endmacro %}\n",
    "models/more.yml": """\
version: 2
models:
  - name: kept
    description: All numbers
  - name: agreed
    config: {materialized: table, contract: {enforced: true}}
    columns: [{name: n, data_type: integer}, {name: name, data_type: varchar}]
exposures:
  - name: board
    type: dashboard
    owner: {name: Sales team}
    depends_on: [ref('kept')]
""",
    "models/agreed.sql": "select n, name from {{ ref('stg_numbers') }}\n",
}


def git(workspace: Workspace, *words: str) -> str:
    command = ["git", "-c", "user.email=a@example.com", "-c", "user.name=A", "-c", "commit.gpgsign=false", *words]
    return subprocess.run(command, cwd=workspace.folder, env=workspace.environment(), capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def template(small_template: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The small project and more models in a repository with one commit on main, not built but compared once."""
    workspace = small_template.copy_to(tmp_path_factory.mktemp("repository") / "project")
    workspace.write(MORE)
    git(workspace, "init", "--quiet", "--initial-branch", "main")
    git(workspace, "add", "--all")
    git(workspace, "commit", "--quiet", "--message", "base")
    assert "nothing differs" in workspace.penstock("diff").expect(0).stdout
    return workspace


@pytest.fixture
def repository(template: Workspace, tmp_path: Path) -> Workspace:
    return template.copy_to(tmp_path / "project")


def worktrees(workspace: Workspace) -> int:
    return git(workspace, "worktree", "list").count("\n")


def changes(found: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {one["name"]: (one["change"], one["category"], one["reason"]) for one in found["changes"]}


def test_every_kind_of_edit_has_its_category_and_nothing_is_left_behind(repository: Workspace) -> None:
    folder = repository.folder / "target" / "penstock"
    stale = folder / "worktrees" / "killed-1"
    git(repository, "worktree", "add", "--quiet", "--detach", str(stale))
    repository.replace("models/doubled.sql", "select n, n * 2", "-- twice as much\nSELECT n, n * 2")
    repository.replace("models/wide.sql", "select n, twice", "select n, twice, twice + 1 as more")
    repository.replace("models/positive.sql", "n > 0", "n > 1")
    repository.replace("models/history.sql", "select n from", "select n, twice from")
    repository.replace("macros/doubled_of.sql", "{{ name }} * 2", "{{ name }} + {{ name }}")
    repository.replace("models/more.yml", "All numbers", "All the numbers")
    repository.replace("models/more.yml", ", {name: name, data_type: varchar}]\nexposures", "]\nexposures")
    repository.replace("models/agreed.sql", "n, name", "n")
    repository.replace("seeds/colours.csv", "green", "blue")
    (repository.folder / "models/unused.sql").unlink()
    repository.write({"models/fresh.sql": "select n from {{ ref('kept') }}\n"})
    found = json.loads(repository.penstock("diff", "--output", "json", "--fail-on", "breaking").expect(1).stdout)
    assert changes(found) == {
        "positive": ("modified", "breaking", "rows may differ: filter"),
        "macroed": ("modified", "breaking", "column d is redefined"),
        "agreed": (
            "modified", "breaking",
            "the contract of model.small.agreed is broken: column name was removed; column name is gone; documented columns",
        ),
        "colours": ("modified", "breaking", "other rows in the file"),
        "unused": ("removed", "breaking", "the model is gone"),
        "history": ("modified", "unknown", "incremental: rows that stand were made by the old code; new column twice"),
        "kept": ("modified", "non_breaking", "description"),
        "wide": ("modified", "additive", "new column more"),
        "fresh": ("added", "additive", "new model"),
        "doubled": ("modified", "cosmetic", "comments, layout or aliases"),
    }  # fmt: skip
    assert [one["name"] for one in found["changes"]][-1] == "doubled", "worst first"
    assert {one["name"]: one["line"] for one in found["changes"] if one["name"] in ("wide", "fresh")} == {"wide": 2, "fresh": 1}
    assert found["base"].startswith("main (")
    assert found["edges_added"] == [["model.small.kept", "model.small.fresh"]]
    assert found["edges_removed"] == [["model.small.positive", "model.small.unused"]]
    impact = found["impact"]
    assert {key.rpartition(".")[2] for key in impact["assets"]} == {
        "positive",
        "kept",
        "fresh",
        "macroed",
        "agreed",
        "colours",
        "history",
        "wide",
        "coloured",
    }
    assert ["model.small.coloured", "colour"] in impact["columns"]
    assert impact["exposures"] == [["exposure.small.board", "Sales team"]]
    assert impact["rows"] == 3 + 2, "what was built before: coloured and the seed"
    assert worktrees(repository) == 1, "neither the worktree nor what a killed run left"
    assert list((folder / "worktrees").iterdir()) == []


def test_the_base_is_parsed_once_and_the_project_is_left_as_it_was(repository: Workspace) -> None:
    folder = repository.folder / "target" / "penstock"
    (cached,) = (folder / "bases").glob("*/base.json")
    before = {path: path.read_bytes() for path in (cached, repository.database)}
    stamp = cached.stat().st_mtime_ns
    repository.replace("models/doubled.sql", "n * 2", "n * 3")
    git(repository, "commit", "--quiet", "--all", "--message", "head")
    text = repository.penstock("diff", "HEAD~1").expect(0).stdout
    assert "Diff from HEAD~1 (" in text
    assert "BREAKING      doubled" in text
    assert "- n * 2" in text
    assert "+ n * 3" in text
    assert {path: path.read_bytes() for path in before} == before
    assert cached.stat().st_mtime_ns == stamp
    assert repository.penstock("plan", "-q").expect(0).stderr == ""


def test_a_base_that_is_none_or_broken_is_said_in_one_line(repository: Workspace) -> None:
    unknown = repository.penstock("diff", "mian").expect(2)
    assert "there is no commit, branch or tag `mian` here" in unknown.stderr
    assert "Did you mean main?" in unknown.stderr
    assert "--data compares the rows of two places" in repository.penstock("diff", "--data").expect(2).stderr
    repository.replace("models/wide.sql", "ref('doubled')", "ref('nowhere')")
    git(repository, "commit", "--quiet", "--all", "--message", "broken")
    repository.replace("models/wide.sql", "ref('nowhere')", "ref('doubled')")
    assert "nowhere" in repository.penstock("diff", "HEAD").expect(2).stderr
    assert worktrees(repository) == 1, "gone after an error, too"


def test_a_manifest_is_a_base_and_rows_of_two_files_are_compared(repository: Workspace, tmp_path: Path) -> None:
    manifest, database = tmp_path / "manifest.json", tmp_path / "base.duckdb"
    shutil.copy(repository.folder / "target" / "penstock" / "manifest.json", manifest)
    shutil.copy(repository.database, database)
    repository.replace("models/stg_numbers.sql", "select n, name", "select n, upper(name) as name")
    repository.replace("data/numbers.csv", "3,three", "3,drei")
    repository.replace("models/doubled.sql", "n * 2", "case when n = 2 then 5 else n * 2 end")
    repository.penstock("build", "--select", "+coloured").expect(0)
    words = ("--data", "--base-database", str(database), "--select", "stg_numbers", "doubled", "coloured", "wide")
    found = json.loads(repository.penstock("diff", str(manifest), *words, "--output", "json").expect(0).stdout)
    assert {name: change[1] for name, change in changes(found).items()} == {"stg_numbers": "breaking", "doubled": "breaking"}
    rows = {one["asset"].rpartition(".")[2]: one for one in found["row_diffs"]}
    assert rows["wide"]["problem"] == "main.wide does not stand in the base"
    assert (rows["stg_numbers"]["key"], rows["stg_numbers"]["added"], rows["stg_numbers"]["removed"]) == ([], 3, 3), (
        "a view of the other file"
    )
    assert rows["doubled"]["columns"] == {}, "no key, no columns"
    assert {tuple(sample.items()) for sample in rows["doubled"]["samples"]} == {
        (("", "added"), ("n", "2"), ("twice", "5")), (("", "removed"), ("n", "2"), ("twice", "4")),
    }  # fmt: skip
    assert (rows["coloured"]["key"], rows["coloured"]["changed"], rows["coloured"]["same"]) == (["n"], 1, 2), "by the column tested unique"
    assert rows["coloured"]["samples"] == [{"": "changed", "n": "2", "twice": "4 -> 5"}]


def test_two_targets_are_compared_wherever_their_relations_stand(repository: Workspace) -> None:
    profile = (repository.folder / "profiles.yml").read_text(encoding="utf-8")
    other = profile[profile.index("    dev:") :].replace("dev:", "prod:").replace("schema: main", "schema: prod")
    repository.write({
        "profiles.yml": profile + other.replace("warehouse.duckdb", "production.duckdb"),
        "penstock.yml": 'state_schema: "penstock_{{ target.name }}"\n',
        "models/sized.sql": "select n, {{ 1 if target.name == 'dev' else 2 }} as size from {{ ref('doubled') }}\n",
    })  # fmt: skip
    Workspace(repository.folder, repository.folder / "production.duckdb").execute("""
        create schema prod;
        create table prod.held as select unnest([1, 2, 3]) as n;
        create view production.prod.doubled as select n, n * 2 + (n = 3)::int as twice from production.prod.held;
    """)
    words = ("diff", "--base-target", "prod", "--data", "--key", "n", "--select", "doubled", "sized", "--output", "json")
    found = json.loads(repository.penstock(*words).expect(0).stdout)
    assert changes(found) == {"sized": ("modified", "breaking", "column size is redefined")}
    assert (found["base"], found["head"]) == ("target prod", "target dev")
    rows = {one["asset"].rpartition(".")[2]: one for one in found["row_diffs"]}
    assert rows["sized"]["problem"] == "prod.sized does not stand in the base"
    assert (rows["doubled"]["changed"], rows["doubled"]["same"]) == (1, 2)
    assert rows["doubled"]["samples"] == [{"": "changed", "n": "3", "twice": "7 -> 6"}]


def test_rows_of_two_schemas_are_compared_and_masked_values_never_shown(repository: Workspace) -> None:
    repository.execute("""
        create schema prod;
        create table prod.doubled as select n, twice + 700 * (n = 3)::int as twice from main.doubled;
        create table prod.coloured as select n, twice + 700 * (n = 3)::int as twice, colour from main.coloured;
    """)
    words = ("diff", "--data", "--base-schema", "prod", "--key", "n", "-s", "doubled", "coloured", "--output", "json")
    plain = repository.penstock(*words).expect(0).stdout
    assert {"": "changed", "n": "3", "twice": "706 -> 6"} in [sample for one in json.loads(plain)["row_diffs"] for sample in one["samples"]]
    mask = "  - name: doubled\n    config: {meta: {penstock: {mask: [twice]}}}"
    repository.replace("models/models.yml", "  - name: doubled", mask)
    repository.replace("models/coloured.sql", "d.twice,", "d.twice as twice,")
    masked = repository.penstock(*words).expect(0).stdout
    rows = {one["asset"].rpartition(".")[2]: one for one in json.loads(masked)["row_diffs"]}
    assert {name: one["columns"] for name, one in rows.items()} == {"doubled": {"twice": 1}, "coloured": {"twice": 1}}
    assert "706" not in masked, "nor in what is made of it"


def test_modified_assets_are_selected_by_what_their_change_means(repository: Workspace) -> None:
    earlier = repository.folder / "earlier"
    earlier.mkdir()
    shutil.copy(repository.folder / "target" / "penstock" / "manifest.json", earlier)
    repository.replace("models/doubled.sql", "select n, n * 2", "-- twice as much\nSELECT n, n * 2")
    repository.replace("models/coloured.sql", "d.twice, c.colour", "d.twice + 1 as twice, c.colour")
    repository.replace("models/positive.sql", "select n from", "select n, twice from")

    def selected(*words: str) -> list[str]:
        return repository.penstock("ls", "--resource-type", "model", "--output", "name", "-s", *words).expect(0).stdout.split()

    assert selected("state:modified.cosmetic") == ["doubled"]
    assert selected("state:modified.breaking") == ["coloured"], "what was never built is new, and breaks nothing"
    assert selected("state:modified.cosmetic", "--state", "earlier") == ["doubled"]
    assert selected("state:modified.breaking", "--state", "earlier") == ["coloured"], "another column is no break"
    assert selected("state:modified", "--state", "earlier") == ["coloured", "doubled", "positive"]
    assert "`modified.cosmetic`" in repository.penstock("ls", "-s", "state:modified.cosmic").expect(2).stderr
