"""The ladder of evidence for sources and files: all rows, dlt's loads, declared load times, nothing."""

from __future__ import annotations

import pytest
from conftest import Make
from penstock.app.gateway import DbtGateway
from penstock.app.planning import Wanted, plan_project
from penstock.app.settings import Place, discover
from penstock.plan.reasons import Decision
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse
from small_project import PLACE
from workspace import Workspace

SOURCES = """\
sources:
  - name: raw
    schema: raw
    tables:
      - name: orders
        loaded_at_field: loaded_at
      - name: events
      - name: plain
"""
PROJECT = {
    **PLACE,
    "penstock.yml": "evidence: {content_rows: 2}\n",
    "models/sources.yml": SOURCES,
    "models/by_time.sql": "{{ config(materialized='table') }}\nselect id from {{ source('raw', 'orders') }}\n",
    "models/by_load.sql": "{{ config(materialized='table') }}\nselect id from {{ source('raw', 'events') }}\n",
    "models/by_nothing.sql": "{{ config(materialized='table') }}\nselect id from {{ source('raw', 'plain') }}\n",
}
TABLES = """
create schema raw;
create table raw.orders as select range as id, timestamp '2026-01-01' as loaded_at from range(5);
create table raw.events as select range as id, '1700000000.1' as _dlt_load_id from range(5);
create table raw._dlt_loads as select '1700000000.1' as load_id, 0::bigint as status;
create table raw.plain as select range as id from range(5);
"""


def due(workspace: Workspace) -> dict[str, str]:
    return {name: reason for name, (decision, reason) in workspace.decisions().items() if decision == "BUILD"}


def test_tables_with_many_rows_are_judged_by_their_loads(make: Make) -> None:
    workspace = make(PROJECT)
    workspace.execute(TABLES)
    workspace.penstock("build").expect(0)
    assert due(workspace) == {"by_nothing": "unknown_evidence"}
    strengths = "select asset, strength from penstock.freshness order by asset"
    assert [row[1] for row in workspace.query(strengths)] == ["loads", "loaded_at", "unknown"]
    workspace.execute("insert into raw.orders values (9, timestamp '2026-01-02'); insert into raw.events values (9, '1700000001.5')")
    assert due(workspace) == {
        "by_nothing": "unknown_evidence",
        "by_time": "upstream_newer",
        "by_load": "unknown_evidence",
    }, "dlt has not said that the load is complete"
    workspace.execute("insert into raw._dlt_loads values ('1700000001.5', 0)")
    assert due(workspace)["by_load"] == "upstream_newer"


def test_a_source_may_choose_its_evidence(make: Make) -> None:
    content = SOURCES.replace("- name: plain", "- name: plain\n        config: {meta: {penstock: {evidence: content}}}")
    workspace = make({**PROJECT, "models/sources.yml": content})
    workspace.execute(TABLES)
    workspace.penstock("build").expect(0)
    assert due(workspace) == {}
    workspace.execute("update raw.plain set id = 77 where id = 1")
    assert due(workspace) == {"by_nothing": "upstream_newer"}


def test_files_may_be_judged_by_what_they_hold(make: Make) -> None:
    files = {
        **PLACE,
        "penstock.yml": "evidence: {files: content}\n",
        "data/a.csv": "n\n1\n",
        "models/reads.sql": "{{ config(materialized='table') }}\nselect n from read_csv('data/*.csv')\n",
    }
    workspace = make(files)
    workspace.penstock("build").expect(0)
    workspace.write({"data/a.csv": "n\n1\n"})
    assert due(workspace) == {}, "written anew, the same content"
    workspace.write({"data/a.csv": "n\n2\n"})
    assert due(workspace) == {"reads": "new_files"}


def test_a_model_that_reads_its_own_rows_is_due_until_they_stay(make: Make) -> None:
    counting = "select coalesce((select least(max(n) + 1, 3) from {{ this }}), 0) as n"
    guarded = f"{{% if var('again', false) %}}{counting}{{% else %}}select 0 as n{{% endif %}}"
    workspace = make({**PLACE, "models/own.sql": "{{ config(materialized='table') }}\n" + guarded + "\n"})
    workspace.penstock("build").expect(0)
    assert due(workspace) == {}
    again = ("--vars", "again: true")
    for value in (1, 2, 3, 3):
        workspace.penstock("build", *again).expect(0)
        assert workspace.query("select n from own") == [(value,)]
    assert {name: reason for name, (decision, reason) in workspace.decisions(*again).items() if decision == "BUILD"} == {}


def test_a_plan_takes_five_statements_however_large_the_project_is(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make({**PROJECT, "penstock.yml": ""})
    workspace.execute(TABLES)
    workspace.penstock("build").expect(0)
    asked: list[str] = []

    def counted(name: str, owner: type) -> None:
        plain = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda self, *args: (asked.append(name), plain(self, *args))[1])

    counted("execute", DuckDBConnection)
    counted("catalog", DuckDBWarehouse)
    counted("row_counts", DuckDBWarehouse)
    monkeypatch.chdir(workspace.folder)
    settings = discover(Place(), workspace.folder, workspace.environment())
    planned = plan_project(settings, Wanted(), DbtGateway(settings, print))
    assert planned.plan.count(Decision.REUSE) == 3
    assert len(asked) <= 5, asked


def test_rows_are_counted_anew_only_where_somebody_else_wrote_the_file(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make({**PROJECT, "penstock.yml": ""})
    workspace.execute(TABLES)
    workspace.penstock("build").expect(0)
    asked: list[str] = []
    count = DuckDBWarehouse.row_counts
    monkeypatch.setattr(DuckDBWarehouse, "row_counts", lambda self, names: (asked.extend(map(str, names)), count(self, names))[1])
    monkeypatch.chdir(workspace.folder)
    settings = discover(Place(), workspace.folder, workspace.environment())
    built = {"main.by_time"}
    plan_project(settings, Wanted(), DbtGateway(settings, print))
    assert built.isdisjoint(asked)
    workspace.execute("delete from by_time")
    planned = plan_project(settings, Wanted(), DbtGateway(settings, print))
    assert built <= set(asked)
    assert "relation_changed" in {row.reason.value for row in planned.plan.rows}
