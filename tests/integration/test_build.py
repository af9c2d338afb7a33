"""Whole builds as a user sees them: order, failures, selections, and what the other commands say afterwards."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import Make
from workspace import Workspace

_BROKEN = "{{ config(materialized='table') }}\nselect n, error('no doubles today') as twice from {{ ref('stg_numbers') }}\n"
_ALONE = "{{ config(materialized='table') }}\nselect * from {{ ref('colours') }}\n"


def statuses(workspace: Workspace) -> dict[str, str]:
    """Return how each asset ended in the latest run, by the last part of its name."""
    steps = workspace.query("select asset, status from penstock.run_steps where run_id = (select max(run_id) from penstock.run)")
    return {str(asset).split(".")[2]: str(status) for asset, status in steps}


def test_a_failure_skips_its_descendants_and_nothing_else(small: Workspace) -> None:
    small.write({"models/doubled.sql": _BROKEN, "models/alone.sql": _ALONE})
    done = small.penstock("build").expect(1)
    assert "no doubles today" in done.stdout
    assert "SKIP sql table model main.coloured" in done.stdout
    assert "SKIP test unique_coloured_n" in done.stdout
    assert small.query("select count(*) from alone") == [(2,)]
    assert "ERROR=1 SKIP=3" in done.stdout
    assert small.query("select twice from doubled order by 1") == [(2,), (4,), (6,)], "what was there before must stay"
    again = small.penstock("build").expect(1)
    assert "REUSED=6" in again.stdout, "what succeeded is not built again"
    small.replace("models/doubled.sql", "error('no doubles today')", "n * 2")
    assert "ERROR=0" in small.penstock("build").expect(0).stdout


def test_a_failed_test_holds_back_what_reads_the_tested_model(small: Workspace) -> None:
    small.write({"models/doubled.sql": "{{ config(materialized='table') }}\nselect n, null as twice from {{ ref('stg_numbers') }}\n"})
    done = small.penstock("build").expect(1)
    assert "FAIL not_null_doubled_twice" in done.stdout
    assert "SKIP sql table model main.coloured" in done.stdout
    assert "not_null_doubled_twice" in json.dumps(small.json("status", "--output", "json")["failures"])


def test_fail_fast_starts_nothing_after_the_first_failure(small: Workspace) -> None:
    small.write({"models/doubled.sql": _BROKEN, **{f"models/later{n}.sql": _ALONE.replace("colours", "doubled") for n in range(2)}})
    small.write({f"models/z{n}.sql": f"{_ALONE} where {n} = {n}" for n in range(6)})
    small.write({"models/z_models.sql": "select 1 as one"})
    done = small.penstock("build", "--fail-fast", "--threads", "1").expect(1)
    assert "ERROR=1" in done.stdout
    assert "OK created sql table model main.z5" not in done.stdout


def test_producers_of_sources_come_before_their_readers_on_an_empty_warehouse(make: Make) -> None:
    project = make(
        {
            "seeds/things.csv": "id,name\n1,one\n2,two\n",
            "models/schema.yml": """\
version: 2
sources:
  - name: raw
    schema: main
    tables: [{name: things, columns: [{name: id, data_tests: [unique]}]}, {name: made}, {name: remembered}]
""",
            "models/a_reads_seed.sql": "select * from {{ source('raw', 'things') }}",
            "models/a_reads_model.sql": "{{ config(materialized='table') }} select * from {{ source('raw', 'made') }}",
            "models/a_reads_snapshot.sql": "{{ config(materialized='table') }} select id from {{ source('raw', 'remembered') }}",
            "models/z_made.sql": "{{ config(materialized='table', alias='made') }} select id + 1 as id from {{ ref('things') }}",
            "snapshots/remembered.yml": """\
version: 2
snapshots:
  - name: remembered
    relation: ref('z_made')
    config: {strategy: check, unique_key: id, check_cols: all}
""",
        }
    )
    project.penstock("build").expect(0)
    assert project.query("select (select sum(id) from a_reads_seed), (select sum(id) from a_reads_model)") == [(3, 5)]
    assert project.query("select sum(id) from a_reads_snapshot") == [(5,)]
    assert project.penstock("build").expect(0).stdout.count("OK") == 0
    project.write({"seeds/things.csv": "id,name\n1,one\n2,two\n5,five\n"})
    project.penstock("build").expect(0)
    assert project.query("select (select sum(id) from a_reads_seed), (select sum(id) from a_reads_model)") == [(8, 11)]
    assert project.query("select sum(id) from a_reads_snapshot") == [(11,)]


def test_second_writers_and_lost_references_are_reported_together(small: Workspace) -> None:
    small.write(
        {
            "ingest/main/doubled.sql": "select 1 as n",
            "ingest/raw/astray.sql": "-- ---\n-- source: raw.nowhere\n-- ---\nselect 1 as n",
            "ingest/raw/twin.sql": "-- ---\n-- relation: raw.numbers\n-- ---\nselect 1 as n",
        }
    )
    done = small.penstock("build").expect(2)
    for told in ("ingest/main/doubled.sql", "models/doubled.sql", "ingest/raw/astray.sql", "`raw.nowhere`", "ingest/raw/twin.sql"):
        assert told in done.stderr
    assert done.stderr.count("Error: ") == 3
    assert small.query("select count(*) from doubled") == [(3,)]


def test_every_problem_of_the_graph_comes_with_file_and_line(small: Workspace) -> None:
    small.write(
        {
            "ingest/raw/lost.sql": "select *\nfrom {{ ref('nowhere') }}",
            "ingest/raw/twin.sql": "-- ---\n-- relation: raw.numbers\n-- ---\nselect 1 as n",
        }
    )
    done = small.penstock("build").expect(2)
    assert "ingest/raw/twin.sql:2: ingest/raw/numbers.sql writes raw.numbers too" in done.stderr
    assert "ingest/raw/lost.sql:2" in done.stderr


def test_a_cycle_through_an_ingestion_file_is_named_with_its_members(small: Workspace) -> None:
    small.write({"ingest/raw/numbers.sql": "select n, colour as name from {{ ref('coloured') }}"})
    done = small.penstock("build").expect(2)
    assert "cycle" in done.stderr
    assert "model.small.coloured" in done.stderr and "source.small.raw.numbers" in done.stderr


def test_an_empty_selection_warns_and_ends_well(small: Workspace) -> None:
    done = small.penstock("build", "-s", "coloured_").expect(0)
    assert "Warning: " in done.stderr and "coloured_" in done.stderr
    assert "Nearest: coloured" in done.stderr


def test_run_leaves_tests_out(make: Make) -> None:
    project = make(
        {
            "models/one.sql": "{{ config(materialized='table') }} select null as n",
            "models/one.yml": "version: 2\nmodels: [{name: one, columns: [{name: n, data_tests: [not_null]}]}]\n",
        }
    )
    done = project.penstock("run").expect(0)
    assert "not_null" not in done.text
    assert project.query("select count(*) from penstock.check_result") == [(0,)]
    assert "FAIL not_null_one_n" in project.penstock("build").expect(1).stdout


def test_the_reading_commands_work_after_a_build(small: Workspace) -> None:
    status = small.json("status", "--output", "json")
    assert {row["status"] for row in status["assets"]} == {"fresh"} and not status["failures"]
    runs = small.json("runs", "--output", "json")
    assert [run["status"] for run in runs] == ["success"]
    shown = small.json("runs", "show", runs[0]["run_id"], "--output", "json")
    assert {step["decision"] for step in shown["steps"]} == {"BUILD"}
    lineage = json.dumps(small.json("lineage", "coloured", "--output", "json"))
    assert "model.small.doubled" in lineage and "source.small.raw.numbers" in lineage
    listed = [json.loads(line) for line in small.penstock("ls", "--output", "json").expect(0).stdout.splitlines()]
    assert {row["name"] for row in listed if row["resource_type"] == "model"} == {"stg_numbers", "doubled", "coloured"}
    assert "1" in small.penstock("store", "status").expect(0).stdout
    exported = small.folder / "exported"
    small.penstock("store", "export", str(exported)).expect(0)
    assert "model.small.coloured" in (exported / "asset_status.csv").read_text()


@pytest.mark.parametrize("command", [["--help"], ["ls"], ["plan"], ["build"], ["status"], ["lineage", "coloured"], ["runs"]], ids=" ".join)
def test_with_nothing_changed_no_command_imports_dbt(command: list[str], small: Workspace) -> None:
    code = (
        "import sys\nfrom penstock.ui.cli import main\n"
        f"try:\n    main({command!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('heavy:', sorted({name.split('.')[0] for name in sys.modules} & {'dbt', 'dbt_common', 'networkx'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=small.folder, env=small.environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert "heavy: []" in done.stdout, done.stdout + done.stderr
    if command == ["build"]:
        assert "REUSED=9 TOTAL=9" in done.stdout


def test_a_test_that_reads_a_file_always_runs_and_one_that_counts_to_null_is_an_error_as_in_dbt(small: Workspace) -> None:
    small.write(
        {
            "limits.csv": "n\n1\n",
            "tests/within_limits.sql": "select * from read_csv('limits.csv') where n > 1",
            "tests/sums_nothing.sql": "{{ config(fail_calc='sum(n)') }}\nselect n from {{ ref('doubled') }} where n > 99",
        }
    )
    done = small.penstock("build").expect(1)
    assert "PASS within_limits" in done.stdout
    assert "ERROR sums_nothing" in done.stdout and "None is not of type 'integer'" in done.stdout
    small.write({"limits.csv": "n\n2\n"})
    assert small.decisions()["within_limits"][0] == "BUILD"
    assert "FAIL within_limits" in small.penstock("build").expect(1).stdout
