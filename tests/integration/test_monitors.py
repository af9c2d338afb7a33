"""Ready-made checks compare what is written with what earlier builds measured, before readers see it."""

from __future__ import annotations

from conftest import Make
from small_project import PLACE
from workspace import Workspace

MONITORS = """\
monitors:
  one:
    - volume: {low: 50%, high: 200%, min_history: 2}
    - null_rate: {column: v, jump: 10%, min_history: 2}
"""
PROJECT = {
    **PLACE,
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: t}]}]\n",
    "models/one.sql": "{{ config(materialized='table') }}\nselect id, v from {{ source('raw', 't') }}\n",
    "penstock.yml": MONITORS,
}
STATUSES = 'select "check", max_by(status, checked_at) from penstock.check_history group by 1 order by 1'


def load(workspace: Workspace, rows: int, nulls: int = 0) -> None:
    workspace.execute(
        f"create or replace table raw.t as select range as id, case when range >= {nulls} then range end as v from range({rows})"
    )


def a_week_later(workspace: Workspace) -> None:
    workspace.execute("update penstock.materialization set committed_at = committed_at - interval 7 day")


def statuses(workspace: Workspace) -> dict[str, str]:
    return {name.split(".")[1]: status for name, status in workspace.query(STATUSES)}


def test_a_collapse_is_not_published_once_there_is_history_to_tell(make: Make) -> None:
    workspace = make(PROJECT)
    workspace.execute("create schema raw")
    for rows in (100, 110):
        load(workspace, rows)
        workspace.penstock("build").expect(0)
        assert statuses(workspace) == {"volume_one": "insufficient", "null_rate_one_v": "insufficient"}
        a_week_later(workspace)
    load(workspace, 120)
    workspace.penstock("build").expect(0)
    assert statuses(workspace) == {"volume_one": "pass", "null_rate_one_v": "pass"}
    load(workspace, 20)
    assert "not published: volume_one" in workspace.penstock("build").expect(1).stdout
    assert workspace.query("select count(*) from one") == [(120,)]
    load(workspace, 120, nulls=60)
    assert "not published: null_rate_one_v" in workspace.penstock("build").expect(1).stdout
    assert workspace.query("select count(*) from one where v is null") == [(0,)]
    load(workspace, 130)
    workspace.penstock("build").expect(0)
    assert workspace.query("select count(*) from one") == [(130,)]


def test_columns_are_on_record_with_what_became_of_them(make: Make) -> None:
    workspace = make(PROJECT)
    workspace.execute("create schema raw")
    load(workspace, 3)
    workspace.penstock("build").expect(0)
    workspace.write({"models/one.sql": PROJECT["models/one.sql"].replace("id, v", "id::varchar as id, 1 as w")})
    workspace.write({"penstock.yml": ""})
    workspace.penstock("build").expect(0)
    shown = workspace.penstock("status", "--columns", "one").expect(0).stdout
    assert [line.split()[:3] for line in shown.splitlines()[1:] if line.strip()] == [
        ["id", "VARCHAR", "retyped"], ["w", "INTEGER", "added"], ["v", "BIGINT", "removed"],
    ]  # fmt: skip
    assert "no asset `nope`" in workspace.penstock("status", "--columns", "nope").expect(2).stderr
