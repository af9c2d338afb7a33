"""Selection against what the warehouse recorded: the last good run, an earlier one, a run's results."""

from __future__ import annotations

import json

from conftest import Make
from small_project import SMALL
from workspace import Workspace


def listed(workspace: Workspace, *args: str) -> set[str]:
    """Return the names of what is selected, tests left out."""
    return set(workspace.penstock("ls", "--output", "name", "--exclude-resource-type", "test", *args).expect(0).stdout.split())


def runs(workspace: Workspace) -> list[str]:
    return [row[0] for row in workspace.query("select run_id from penstock.run order by run_id")]


def test_what_was_modified_since_the_last_good_run_and_since_an_earlier_one(make: Make) -> None:
    workspace = make(SMALL)
    workspace.penstock("ls", "-s", "state:modified").expect(2)
    workspace.penstock("build").expect(0)
    assert listed(workspace, "-s", "state:modified") == listed(workspace, "-s", "state:new") == set()
    workspace.replace("models/doubled.sql", "n * 2", "n * 3")
    workspace.write({"models/added.sql": "select 1 as one\n", "seeds/colours.csv": "n,colour\n1,blue\n2,green\n"})
    assert listed(workspace, "-s", "state:modified") == {"doubled", "added", "colours"}
    assert listed(workspace, "-s", "state:modified.body+") == {"doubled", "added", "colours", "coloured"}
    assert listed(workspace, "-s", "state:new") == {"added"}

    workspace.replace("models/coloured.sql", "select d.n", "select no_such_column, d.n")
    workspace.penstock("build").expect(1)
    assert listed(workspace, "-s", "state:modified") == {"doubled", "added", "colours", "coloured"}, "a failed run is no good one"
    assert listed(workspace, "-s", "result:error") == {"coloured"}
    assert listed(workspace, "-s", "result:success") == {"doubled", "added", "colours"}
    first, second = runs(workspace)
    assert listed(workspace, "-s", "state:modified", "--as-of", second) == set()
    assert listed(workspace, "-s", "result:error", "--as-of", first) == set()

    workspace.replace("models/coloured.sql", "select no_such_column, d.n", "select d.n")
    workspace.penstock("build", "-s", "state:modified+").expect(0)
    assert listed(workspace, "-s", "state:modified") == set()
    assert listed(workspace, "-s", "state:modified", "--as-of", first) == {"doubled", "added", "colours"}
    before = str(workspace.query("select finished_at from penstock.run_end order by finished_at limit 1")[0][0])
    assert listed(workspace, "-s", "state:modified", "--as-of", before) == {"doubled", "added", "colours"}
    workspace.write({"models/added.sql": None})
    workspace.penstock("build").expect(0)
    workspace.write({"models/added.sql": "select 1 as one\n"})
    assert listed(workspace, "-s", "state:new") == {"added"}, "it was gone in between"


def test_which_sources_are_fresher_and_who_reads_them(make: Make) -> None:
    workspace = make(SMALL)
    workspace.penstock("build").expect(0)
    assert listed(workspace, "-s", "source_status:fresher+") == set()
    workspace.write({"data/numbers.csv": "n,name\n1,one\n2,two\n"})
    workspace.penstock("build", "--exclude", "coloured").expect(0)
    first, _ = runs(workspace)
    assert listed(workspace, "-s", "source_status:fresher+", "--as-of", first) == {
        "numbers", "stg_numbers", "doubled", "coloured",
    }  # fmt: skip


def test_a_folder_of_artifacts_goes_before_the_recorded_state(make: Make) -> None:
    workspace = make(SMALL)
    workspace.penstock("ls").expect(0)
    manifest = (workspace.folder / "target" / "penstock" / "manifest.json").read_text()
    workspace.write({"before/manifest.json": manifest})
    workspace.replace("models/doubled.sql", "n * 2", "n * 3")
    workspace.penstock("build").expect(0)
    assert listed(workspace, "-s", "state:modified") == set()
    assert listed(workspace, "-s", "state:modified", "--state", "before") == {"doubled"}
    workspace.env["DBT_STATE"] = "before"
    assert listed(workspace, "-s", "state:modified+") == {"doubled", "coloured"}
    assert "there is no run_results.json in before" in workspace.penstock("ls", "-s", "result:error").expect(2).stderr
    results = {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"},
        "results": [{"unique_id": "model.small.doubled", "status": "error"}],
    }
    workspace.write({"before/run_results.json": json.dumps(results)})
    assert listed(workspace, "-s", "result:error+") == {"doubled", "coloured"}


def test_named_selectors_and_the_default_one(make: Make) -> None:
    selectors = """\
selectors:
  - name: everyday
    default: "{{ target.name == 'dev' }}"
    definition: {union: ["doubled", {method: fqn, value: colours}]}
  - name: all_of_it
    definition: {method: selector, value: everyday, children: true}
"""
    workspace = make({**SMALL, "selectors.yml": selectors})
    assert listed(workspace) == {"doubled", "colours"}
    assert listed(workspace, "-s", "fqn:*", "--resource-type", "model") == {"doubled", "stg_numbers", "coloured"}
    assert listed(workspace, "--selector", "all_of_it") == {"doubled", "colours", "coloured"}
    assert listed(workspace, "-s", "selector:everyday,doubled") == {"doubled"}
    workspace.replace("selectors.yml", "children: true", "children: true, default: true")
    assert "there is no selector `everyda` in selectors.yml" in workspace.penstock("ls", "--selector", "everyda").expect(2).stderr
    workspace.write({"selectors.yml": "selectors: [{name: a, definition: {union: x}}]"})
    assert "selectors.yml: selector `a`: expected a list under `union`" in workspace.penstock("ls").expect(2).stderr
