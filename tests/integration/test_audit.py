"""Tests look at rows before readers can: what fails is rolled back, what passes is published, nothing is tested twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Make
from small_project import PLACE
from workspace import Workspace

MODEL = "{{{{ config(materialized='{kind}') }}}}\nselect id, {value} as v from {{{{ source('raw', 't') }}}}\n"
TESTS = """\
models:
  - name: one
    columns:
      - name: v
        data_tests:
          - not_null{config}
"""
PROJECT = {
    **PLACE,
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: t}]}]\n",
    "models/one.sql": MODEL.format(kind="table", value="id"),
    "models/two.sql": "{{ config(materialized='table') }}\nselect * from {{ ref('one') }}\n",
    "models/tests.yml": TESTS.format(config=""),
}
BAD = MODEL.format(kind="table", value="nullif(id, 2)")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("audited") / "project"
    place = Workspace(folder, folder / "warehouse.duckdb")
    place.write(PROJECT)
    place.execute("create schema raw; create table raw.t as select range as id from range(1, 4)")
    place.penstock("build").expect(0)
    return place


@pytest.fixture
def built(template: Workspace, tmp_path: Path) -> Workspace:
    return template.copy_to(tmp_path / "project")


def values(workspace: Workspace, name: str = "one") -> list[object]:
    return [row[0] for row in workspace.query(f"select v from {name} order by id")]


def test_rows_that_fail_a_test_are_never_published(built: Workspace) -> None:
    built.write({"models/one.sql": BAD})
    done = built.penstock("build").expect(1)
    assert "FAIL 1 not_null_one_v" in done.stdout or "FAIL not_null_one_v" in done.stdout
    assert "not published: not_null_one_v: Got 1 result" in done.stdout
    assert "SKIP sql table model main.two" in done.stdout
    assert values(built) == values(built, "two") == [1, 2, 3], "readers keep what they had"
    last = "select status, error from penstock.attempt where asset = 'model.small.one' order by token desc limit 1"
    assert built.query(last)[0][0] == "failed"
    latest = "select status, failures from penstock.check_history order by checked_at desc limit 1"
    assert built.query(latest) == [("fail", 1)]
    assert built.decisions()["one"][0] == "BUILD", "the block holds until it passes"
    assert "ERROR=" in built.penstock("build").expect(1).stdout
    built.write({"models/one.sql": MODEL.format(kind="table", value="id * 10")})
    built.penstock("build").expect(0)
    assert values(built) == values(built, "two") == [10, 20, 30]
    assert built.query(latest) == [("pass", 0)]
    assert {decision for decision, _ in built.decisions().values()} == {"REUSE"}


def test_where_nothing_stood_before_nothing_becomes_visible(make: Make) -> None:
    workspace = make({**PROJECT, "models/one.sql": BAD})
    workspace.execute("create schema raw; create table raw.t as select range as id from range(1, 4)")
    workspace.penstock("build").expect(1)
    assert workspace.query("select count(*) from duckdb_tables() where table_name in ('one', 'two')") == [(0,)]


def test_a_view_is_audited_too(built: Workspace) -> None:
    built.write({"models/one.sql": MODEL.format(kind="view", value="id")})
    built.penstock("build").expect(0)
    built.write({"models/one.sql": MODEL.format(kind="view", value="nullif(id, 2)")})
    built.penstock("build").expect(1)
    assert values(built) == [1, 2, 3]


@pytest.mark.parametrize(
    ("config", "code", "shown"),
    [
        (": {config: {meta: {penstock: {when: after}}}}", 1, "FAIL"),
        (": {config: {severity: warn}}", 0, "WARN"),
        (": {config: {error_if: '> 1'}}", 0, "WARN"),
    ],
)
def test_what_does_not_block_is_published(built: Workspace, config: str, code: int, shown: str) -> None:
    built.write({"models/one.sql": BAD, "models/tests.yml": TESTS.format(config=config)})
    assert shown in built.penstock("build").expect(code).stdout
    assert values(built) == [1, None, 3]


def test_a_test_that_breaks_blocks_as_in_dbt(built: Workspace) -> None:
    built.write(
        {"models/one.sql": MODEL.format(kind="table", value="id + 1"), "tests/broken.sql": "select no_such_column from {{ ref('one') }}"}
    )
    done = built.penstock("build").expect(1)
    assert "ERROR broken" in done.stdout and "no_such_column" in done.stdout
    assert values(built) == [1, 2, 3]


def test_a_test_of_several_parents_comes_before_publishing_where_the_others_lie_upstream(built: Workspace) -> None:
    built.write({
        "models/beside.sql": "{{ config(materialized='table') }}\nselect 1 as id",
        "tests/chain.sql": "select two.id from {{ ref('two') }} as two left join {{ ref('one') }} as one on one.id = two.id where one.id is null",
        "tests/pair.sql": "select one.id from {{ ref('one') }} as one join {{ ref('beside') }} as b on false",
        "models/two.sql": "{{ config(materialized='table') }}\nselect id + 1 as id, v from {{ ref('one') }}\n",
    })  # fmt: skip
    done = built.penstock("build").expect(1)
    assert "not published: chain: Got 1 result" in done.stdout
    assert "PASS pair" in done.stdout
    assert [row[0] for row in built.query("select id from two order by id")] == [1, 2, 3]


def test_what_reads_a_blocked_asset_is_blocked_where_that_is_not_built_now(built: Workspace) -> None:
    built.write({"models/one.sql": BAD})
    built.penstock("build").expect(1)
    built.write({"models/two.sql": "{{ config(materialized='table') }}\nselect id, v + 1 as v from {{ ref('one') }}\n"})
    assert built.decisions("-s", "two") == {"two": ("BLOCKED", "check_blocked")}
    built.penstock("build", "-s", "two").expect(1)
    assert values(built, "two") == [1, 2, 3]


def test_run_and_no_checks_publish_without_an_audit(built: Workspace) -> None:
    built.write({"models/one.sql": BAD})
    built.penstock("run").expect(0)
    assert values(built) == [1, None, 3]
