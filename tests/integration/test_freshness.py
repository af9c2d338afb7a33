"""`penstock freshness` against `dbt source freshness`, and builds that wait, with the clock moved on by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Make
from small_project import PROFILE
from workspace import Dbt, Finished, Workspace

ZONED_PROFILE = PROFILE.replace("      threads: 4\n", "      threads: 4\n      settings: {TimeZone: America/New_York}\n")
SOURCES = """\
version: 2
sources:
  - name: raw
    config:
      freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 2, period: day}}
      loaded_at_field: ts
    tables:
      - name: fresh_ts
      - name: warn_ts
      - name: old_ts
      - name: zoned
      - name: nanos
      - name: dates
      - name: texts
      - name: numbers
      - name: no_rows
      - name: no_table
      - {name: no_column, identifier: old_ts, config: {loaded_at_field: nope}}
      - {name: filtered, identifier: both, config: {freshness: {filter: "kind = 'old'"}}}
      - {name: casted, identifier: texts, config: {loaded_at_field: "ts::timestamp"}}
      - {name: switched_off, identifier: old_ts, config: {freshness: null}}
      - {name: no_limits, identifier: old_ts, config: {freshness: {warn_after: null, error_after: null}}}
      - {name: only_warns, identifier: old_ts, config: {freshness: {warn_after: {count: 0, period: minute}, error_after: null}}}
      - {name: only_errs, identifier: warn_ts, config: {freshness: {warn_after: null, error_after: {count: 5, period: minute}}}}
      - {name: queried, identifier: both, config: {loaded_at_query: "select max(ts) from {{ this }} where kind = 'new' -- the new"}}
      - {name: by_macro, identifier: both, config: {loaded_at_query: "select {{ latest('ts') }} from {{ this }}"}}
      - {name: two_rows, identifier: both, config: {loaded_at_query: "select ts from raw.both"}}
      - {name: no_macro, identifier: both, config: {loaded_at_query: "select {{ nothing_of_the_kind('ts') }} from {{ this }}"}}
      - {name: elsewhere, config: {meta: {external_location: "FOLDER/{name}.parquet"}}}
      - {name: Mixed Case, identifier: Mixed Case}
  - name: bare
    schema: raw
    tables:
      - {name: old_ts, config: {freshness: {warn_after: {count: 12, period: hour}}}}
"""
RAW = """
set timezone = 'UTC';
create schema raw;
create table raw.fresh_ts as select (now() at time zone 'UTC' - interval 1 hour)::timestamp as ts;
create table raw.warn_ts as select (now() at time zone 'UTC' - interval 20 hour)::timestamp as ts;
create table raw.old_ts as select (now() at time zone 'UTC' - interval 3 day)::timestamp as ts;
create table raw.zoned as select now() - interval 13 hour as ts;
create table raw.nanos as select (now() at time zone 'UTC' - interval 1 hour)::timestamp_ns as ts;
create table raw.dates as select current_date as ts;
create table raw.texts as select strftime(now() at time zone 'UTC' - interval 1 hour, '%Y-%m-%d %H:%M:%S') as ts;
create table raw.numbers as select 5 as ts;
create table raw.no_rows (ts timestamp);
create table raw.both as select ts, 'new' as kind from raw.fresh_ts union all select ts, 'old' from raw.old_ts;
create table raw."Mixed Case" as select ts from raw.fresh_ts;
copy (select ts from raw.warn_ts) to 'FOLDER/elsewhere.parquet';
"""
MACRO = "{% macro latest(column) %}max({{ column }}){% endmacro %}\n"
READ_BY_DBT = """
import sys
from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact
read = FreshnessExecutionResultArtifact.read_and_check_versions(sys.argv[1])
print(len(read.results))
"""


@pytest.fixture
def sources(make: Make, tmp_path: Path) -> Workspace:
    """A project with a source of each sort, and nothing else but a model that reads one."""
    folder = str(tmp_path)
    workspace = make(
        {
            "profiles.yml": ZONED_PROFILE,
            "models/sources.yml": SOURCES.replace("FOLDER", folder),
            "macros/latest.sql": MACRO,
            "models/reader.sql": "{{ config(materialized='table') }}\nselect ts from {{ source('raw', 'fresh_ts') }}\n",
        }
    )
    workspace.execute(RAW.replace("FOLDER", folder))
    return workspace


def document(workspace: Workspace, folder: str) -> dict[str, Any]:
    return json.loads((workspace.folder / folder / "sources.json").read_text(encoding="utf-8"))


def shape(value: Any) -> Any:
    """The keys of a document, in order, and the types of its values; a whole float in JSON is a float."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def test_statuses_and_the_document_are_those_of_dbt(sources: Workspace, dbt: Dbt) -> None:
    success, words = dbt.attempt("source", "freshness", project=sources.folder)
    theirs = {line.split(" source.small.")[1].split()[0]: line.split(" source.small.")[0] for line in words if " source.small." in line}
    done = sources.penstock("freshness").expect(1)
    assert not success
    recorded = dict(sources.query("select asset[14:], status from penstock.source_freshness"))
    assert {name.split(" ")[0]: status for name, status in recorded.items()} == theirs
    assert len(recorded) == 22
    assert {"bare.old_ts", "raw.filtered"} < set(recorded)
    assert not {"raw.switched_off", "raw.no_limits"} & set(recorded)

    expected, found = document(sources, "target_dbt"), document(sources, "target")
    expected["results"].sort(key=lambda result: result["unique_id"])
    assert shape(found) == shape(expected)
    assert list(found["results"][0]) == list(expected["results"][0])
    assert found["metadata"]["dbt_schema_version"] == expected["metadata"]["dbt_schema_version"]
    assert found["metadata"]["dbt_version"] == expected["metadata"]["dbt_version"]
    for mine, other in zip(found["results"], expected["results"], strict=True):
        for key in ("unique_id", "status", "max_loaded_at", "criteria", "adapter_response"):
            assert mine[key] == other[key], mine["unique_id"]
        for result in (mine, other):
            passed = datetime.fromisoformat(result["snapshotted_at"]) - datetime.fromisoformat(result["max_loaded_at"])
            assert result["max_loaded_at_time_ago_in_s"] == pytest.approx(passed.total_seconds(), abs=1e-3)
        assert abs(mine["max_loaded_at_time_ago_in_s"] - other["max_loaded_at_time_ago_in_s"]) < 600

    for line in ("PASS freshness of raw.fresh_ts", "WARN freshness of raw.warn_ts", "ERROR STALE freshness of raw.old_ts",
                 "ERROR freshness of raw.no_table"):  # fmt: skip
        assert line in done.stdout
    path = str(sources.folder / "target" / "sources.json")
    read = subprocess.run([sys.executable, "-c", READ_BY_DBT, path], capture_output=True, text=True, check=True, env=sources.environment())
    assert int(read.stdout) == len(found["results"])


def test_only_what_is_stale_or_broken_ends_with_code_one_and_dbt_is_not_imported_again(sources: Workspace) -> None:
    sources.penstock("freshness", "-s", "source:raw.old_ts").expect(1)
    sources.penstock("freshness", "-s", "source:raw.no_table").expect(1)
    sources.env["PYTHONPROFILEIMPORTTIME"] = "1"
    done = sources.penstock("freshness", "-s", "source:raw.fresh_ts", "source:raw.warn_ts", "source:raw.queried", "-o", "mine.json").expect(
        0
    )
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "penstock" in imported
    assert not imported & {"dbt", "networkx", "agate"}
    assert len(json.loads((sources.folder / "mine.json").read_text())["results"]) == 3
    assert sources.query("select count(*), count(distinct run_id) from penstock.source_freshness") == [(5, 3)], "facts are appended"
    del sources.env["PYTHONPROFILEIMPORTTIME"]
    nothing = sources.penstock("freshness", "-s", "reader").expect(0)
    assert "no selected source has freshness criteria" in nothing.stderr
    assert sources.penstock("freshness", "-o", "no/such/folder/x.json", "-s", "source:raw.fresh_ts").expect(2).stderr.startswith("Error: ")


def test_selection_and_status_by_what_was_found(sources: Workspace) -> None:
    assert "Run `penstock build` or `penstock freshness` first." in sources.penstock("ls", "-s", "fresh:stale").expect(2).stderr
    sources.penstock("freshness", "-q").expect(1)

    def listed(*args: str) -> set[str]:
        return set(sources.penstock("ls", "--output", "name", *args).expect(0).stdout.split())

    assert listed("-s", "fresh:stale") >= {"old_ts", "warn_ts", "no_rows", "only_warns", "reader"}
    assert listed("-s", "fresh:fresh") >= {"fresh_ts", "queried", "casted"}
    assert listed("-s", "fresh:unknown") >= {"no_table", "switched_off", "no_limits", "dates"}
    assert listed("-s", "fresh:fresh+1,config.materialized:table") == {"reader"}
    assert "expected `stale`, `fresh` or `unknown`" in sources.penstock("ls", "-s", "fresh:old").expect(2).stderr
    sources.penstock("build").expect(0)
    assert "reader" in listed("-s", "fresh:fresh")
    rows = sources.json("status", "--output", "json")["assets"]
    order = [row["late"] for row in rows]
    assert order == sorted(order, key=lambda word: ("error", "warn").index(word) if word in ("error", "warn") else 2)
    assert rows[0]["late"] == "error"
    assert "ERROR: 3 d ago" in sources.penstock("status").expect(0).stdout
    sources.penstock("status", "--strict").expect(1)


# --- builds that wait ---

WAITING = {
    "seeds/colours.csv": "n,colour\n1,red\n",
    "models/sources.yml": """\
version: 2
sources:
  - name: raw
    schema: raw
    tables: [{name: a}, {name: b, config: {loaded_at_field: ts, freshness: {error_after: {count: 30, period: day}}}}]
""",
    "models/behind.sql": "{{ config(materialized='view') }}\nselect n, ts from {{ source('raw', 'b') }}\n",
    "models/eager.sql": "{{ config(materialized='table') }}\nselect n from {{ source('raw', 'a') }}\n",
    "models/after.sql": """\
{{ config(materialized='table', freshness={'build_after': {'count': 4, 'period': 'hour'}}) }}
select n from {{ source('raw', 'a') }}
""",
    "models/tolerant.sql": "{{ config(materialized='table', state={'lag_tolerance': '2h'}) }}\nselect n from {{ ref('eager') }}\n",
    "models/everything.sql": """\
{{ config(materialized='table', freshness={'build_after': {'count': 0, 'period': 'minute', 'updates_on': 'all'}}) }}
select a.n, c.colour from {{ ref('eager') }} as a join {{ ref('behind') }} as b on a.n = b.n left join {{ ref('colours') }} as c on a.n = c.n
""",
    "models/reader.sql": "{{ config(materialized='table') }}\nselect count(*) as many from {{ ref('after') }}\n",
    "models/ticking.sql": "{{ config(materialized='table', meta={'lag_tolerance': '1d'}) }}\nselect now() as ts\n",
    "models/limits.yml": """\
version: 2
models:
  - name: eager
    config: {meta: {freshness: {warn_after: {count: 6, period: hour}}}}
  - name: behind
    config: {meta: {penstock: {freshness: {warn_after: {count: 1, period: day}, error_after: {count: 3, period: day}}}}}
""",
}
A_CLOCK = """
import sys
from datetime import timedelta
import penstock.app.runs as runs
real, hours = runs.utc_now, float(sys.argv.pop(1))
runs.utc_now = lambda: real() + timedelta(hours=hours)
from penstock.ui.cli import main
main()
"""


def at(workspace: Workspace, hours: float, *args: str) -> Finished:
    """Run `penstock` some hours from now."""
    done = subprocess.run(
        [sys.executable, "-c", A_CLOCK, str(hours), *args], cwd=workspace.folder, env=workspace.environment(), capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    return Finished(done.returncode, done.stdout, done.stderr)


def planned(workspace: Workspace, hours: float) -> dict[str, tuple[str, str]]:
    """Return decision and reason of each model at a time."""
    rows = json.loads(at(workspace, hours, "plan", "--output", "json").expect(0).stdout)
    return {row["name"]: (row["decision"], row["reason"]) for row in rows}


def append(workspace: Workspace, *tables: str) -> None:
    """Add a row to raw tables."""
    workspace.execute("".join(f"insert into raw.{table} select max(n) + 1, now()::timestamp from raw.{table};" for table in tables))


@pytest.fixture
def waiting(make: Make) -> Workspace:
    workspace = make(WAITING)
    workspace.execute(
        "create schema raw; create table raw.a as select 1 as n, now()::timestamp as ts; create table raw.b as select * from raw.a;"
    )
    workspace.penstock("build").expect(0)
    return workspace


REUSED = ("REUSE", "fresh")


def test_models_wait_as_their_policies_say_and_are_built_when_the_time_has_come(waiting: Workspace) -> None:
    assert set(planned(waiting, 1).values()) == {REUSED, ("REUSE", "lag_tolerated")}, "the volatile one waits too"
    append(waiting, "a")
    first = planned(waiting, 1)
    assert first == {
        "colours": REUSED, "behind": REUSED, "reader": REUSED,
        "eager": ("BUILD", "upstream_newer"),
        "after": ("REUSE", "build_after_not_due"),
        "tolerant": ("REUSE", "lag_tolerated"),
        "everything": ("REUSE", "waiting_all_parents"),
        "ticking": ("REUSE", "lag_tolerated"),
    }  # fmt: skip
    at(waiting, 1, "build").expect(0)
    decided = dict(waiting.query("select asset[13:], reason from penstock.run_steps where run_id = (select max(run_id) from penstock.run)"))
    assert {name: reason for name, (_, reason) in first.items() if name != "colours"} == {
        name: reason for name, reason in decided.items() if name in first
    }
    assert waiting.query("select (select count(*) from eager), (select count(*) from after), (select many from reader)") == [(2, 1, 1)]

    why = at(waiting, 1, "plan", "--why", "after").expect(0).stdout
    assert "rule       upstream_newer: yes (raw.a)" in why
    assert "policy     build_after_not_due: due from " in why

    later = planned(waiting, 5)
    assert (later["after"], later["reader"]) == (("BUILD", "upstream_newer"), ("MAYBE", "upstream_may_change"))
    assert (later["tolerant"], later["everything"]) == (("BUILD", "upstream_newer"), ("REUSE", "waiting_all_parents"))
    assert planned(waiting, 25)["ticking"] == ("BUILD", "ttl_expired")
    at(waiting, 5, "build").expect(0)
    assert waiting.query("select (select count(*) from after), (select count(*) from tolerant), (select many from reader)") == [(2, 2, 2)]

    append(waiting, "b")
    assert planned(waiting, 5)["everything"] == ("BUILD", "upstream_newer"), "eager was built with new rows, and behind has some"
    at(waiting, 5, "build").expect(0)
    assert waiting.query("select count(*) from everything") == [(2,)]


def test_what_waits_for_all_is_decided_in_the_run_by_what_its_parents_hold(waiting: Workspace) -> None:
    append(waiting, "b")
    assert planned(waiting, 1)["everything"] == ("REUSE", "waiting_all_parents")
    append(waiting, "a")
    assert planned(waiting, 1)["everything"] == ("MAYBE", "upstream_may_change"), "eager is due"
    at(waiting, 1, "build").expect(0)
    assert waiting.query("select count(*) from everything") == [(2,)]
    append(waiting, "b")
    waiting.replace("models/eager.sql", "select n from", "select n + 0 as n from")
    assert planned(waiting, 2)["everything"] == ("MAYBE", "upstream_may_change")
    at(waiting, 2, "build").expect(0)
    said = waiting.query(
        "select decision, reason from penstock.run_steps where asset = 'model.small.everything' order by run_id desc limit 1"
    )
    assert said == [("REUSE", "waiting_all_parents")], "eager holds the same rows"


def test_an_edit_is_never_held_back_and_a_changed_policy_is_no_edit(waiting: Workspace) -> None:
    append(waiting, "a")
    waiting.replace("models/after.sql", "'count': 4", "'count': 9")
    waiting.replace("models/tolerant.sql", "'2h'", "'9h'")
    assert planned(waiting, 5)["after"] == ("REUSE", "build_after_not_due")
    assert planned(waiting, 5)["tolerant"] == ("REUSE", "lag_tolerated")
    waiting.replace("models/after.sql", "select n", "select n + 1 as n")
    assert planned(waiting, 1)["after"] == ("BUILD", "code_changed")
    forced = json.loads(at(waiting, 1, "plan", "--force", "-s", "tolerant", "--output", "json").expect(0).stdout)
    assert forced[0]["reason"] == "forced"
    waiting.replace("models/tolerant.sql", "'9h'", "'a while'")
    assert "models/tolerant.sql: tolerant: `lag_tolerance: a while` is not a duration" in waiting.penstock("plan").expect(2).stderr


def test_models_are_late_by_the_oldest_source_behind_them_or_by_their_last_build(waiting: Workspace) -> None:
    def late(hours: float) -> dict[str, str]:
        rows = json.loads(at(waiting, hours, "status", "--output", "json").expect(0).stdout)["assets"]
        return {row["asset"].split(".")[-1]: row["late"] for row in rows if row["late"]}

    assert late(0) == {"b": "unknown", "behind": "pass", "eager": "pass"}, "nobody has asked the source yet: its last build counts"
    at(waiting, 0, "freshness").expect(0)
    assert late(0) == {"b": "pass", "behind": "pass", "eager": "pass"}
    assert late(7) == {"b": "pass", "behind": "pass", "eager": "warn"}
    assert late(25)["behind"] == "warn"
    assert late(73)["behind"] == "error"
    shown = at(waiting, 73, "status", "--strict").expect(1).stdout
    assert shown.splitlines()[1].startswith("behind")
    assert "ERROR: 3 d ago (raw.b)" in shown
    at(waiting, 7, "status", "--strict").expect(0)
    assert set(at(waiting, 7, "ls", "-s", "fresh:stale", "--output", "name").expect(0).stdout.split()) == {"eager"}
