"""Deferring to another target's recorded state: only what differs is built, the rest is read from there."""

from __future__ import annotations

import pytest
from conftest import Make
from small_project import PLACE
from workspace import Workspace

ONE_FILE = """\
small:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ flags.PROFILES_DIR }}/warehouse.duckdb", schema: dev}
    prod: {type: duckdb, path: "{{ flags.PROFILES_DIR }}/warehouse.duckdb", schema: prod}
"""
TWO_FILES = ONE_FILE.replace('warehouse.duckdb", schema: prod', 'production.duckdb", schema: prod')
MODELS = {
    **PLACE,
    "penstock.yml": 'state_schema: "penstock_{{ target.name }}"\n',
    "seeds/colours.csv": "n,colour\n1,red\n2,green\n",
    "models/base.sql": "{{ config(materialized='table') }}\nselect n, colour from {{ ref('colours') }}\n",
    "models/seen.sql": "{{ config(materialized='view') }}\nselect n, upper(colour) as colour from {{ ref('base') }}\n",
    "models/mart.sql": "{{ config(materialized='table') }}\nselect count(*) as c, max(colour) as top from {{ ref('seen') }}\n",
    "models/other.sql": "{{ config(materialized='incremental') }}\nselect n from {{ ref('base') }}\n",
    "models/models.yml": "models: [{name: base, columns: [{name: n, data_tests: [not_null]}]}]\n",
}


@pytest.mark.parametrize("profile", [ONE_FILE, TWO_FILES], ids=["one file", "two files"])
def test_only_what_differs_is_built_and_the_rest_is_read_there(make: Make, profile: str) -> None:
    workspace = make({**MODELS, "profiles.yml": profile})
    workspace.penstock("build", "--target", "prod").expect(0)
    assert set(workspace.decisions("--defer").values()) == {("REUSE", "deferred"), ("BUILD", "never_built")}, "tests are not deferred"
    workspace.penstock("build", "--defer").expect(0)
    assert tables(workspace) == set(), "nothing differs"

    workspace.replace("models/mart.sql", "max(colour)", "min(colour)")
    plan = workspace.decisions("--defer")
    assert {name for name, (decision, _) in plan.items() if decision == "BUILD"} == {"mart"}
    workspace.penstock("build", "--defer").expect(0)
    assert tables(workspace) == {"mart"}
    assert workspace.query("select * from dev.mart") == [(2, "GREEN")]
    assert workspace.decisions("--defer")["mart"] == ("REUSE", "fresh")

    workspace.replace("models/base.sql", "select n, colour", "select n + 1 as n, colour")
    workspace.penstock("build", "--defer").expect(0)
    assert tables(workspace) == {"base", "seen", "mart", "other"}, "what reads it differs too; the seed is still read there"
    assert workspace.query("select n from dev.other order by n") == [(2,), (3,)], "dbt ran it, on the seed of the other target"


def test_wrong_targets_are_refused(make: Make) -> None:
    workspace = make({**MODELS, "profiles.yml": ONE_FILE})
    assert "is the target that is built" in workspace.penstock("plan", "--defer", "--defer-target", "dev").expect(2).stderr
    assert "has no target `nowhere`" in workspace.penstock("plan", "--defer", "--defer-target", "nowhere").expect(2).stderr
    assert "there is no database of target prod" in workspace.penstock("plan", "--defer").expect(2).stderr
    workspace.write({"penstock.yml": ""})
    workspace.penstock("build", "--target", "prod").expect(0)
    assert "share the state schema penstock" in workspace.penstock("plan", "--defer").expect(2).stderr


def tables(workspace: Workspace) -> set[str]:
    """Return the relations of the models in the target that is built."""
    found = workspace.query("select table_name from information_schema.tables where table_schema = 'dev'")
    return {name for (name,) in found}
