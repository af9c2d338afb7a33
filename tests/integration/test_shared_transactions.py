"""Partitions so quick that several share a transaction: what goes wrong with one of them, and with the process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from clocked import Clocked, clocked
from partition_projects import MICROBATCH, SOURCES, same
from penstock.warehouse.failpoints import arm
from workspace import Workspace

NOW = datetime(2024, 2, 9, 12)
COPY = f"""\
{{{{ config({MICROBATCH}, meta={{'penstock': {{'batch': 1}}}}) }}}}
select id, ts, case when v < 0 then error('negative') else v end as v from {{{{ source('raw', 'ev') }}}}
"""
RAW = "create schema raw; create table raw.ev as select i as id, timestamp '2024-01-01' + to_hours(i * 12) as ts, i as v from range(80) as r(i)"
WRONG = """
select count(*) from (select ts::date::varchar as "partition", count(*) as "rows" from m group by 1) as held
full join (select "partition", "rows", count(*) over (partition by "partition") as times from penstock.materialization where "rows" > 0) as made
using ("partition") where held."rows" is distinct from made."rows" or made.times > 1
"""


@pytest.fixture
def project(place: Workspace) -> Iterator[Clocked]:
    """Forty daily batches, one a query."""
    place.execute(RAW)
    yield clocked(place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": COPY})
    arm(None)


def transactions(project: Clocked) -> int:
    """Return how many transactions wrote the table."""
    return int(project.workspace.query("select count(distinct started_at) from penstock.attempt where status = 'success'")[0][0])


def test_quick_batches_share_transactions_and_each_has_its_record(project: Clocked) -> None:
    assert len(project.built(project.build(), "m")) == 40
    assert transactions(project) < 8
    assert project.workspace.query(WRONG) == [(0,)]
    same(project, "m", "select id, ts, v from raw.ev")
    assert not project.built(project.build(verify=True), "m")


def test_one_that_fails_fails_alone(project: Clocked) -> None:
    project.workspace.execute("update raw.ev set v = -v where id = 30")
    report = project.build(ok=False)
    assert len(project.built(report, "m")) == 39
    assert "2024-01-16: " in project.messages(report)
    assert project.messages(report).count("negative") == 1
    assert project.workspace.query("select \"partition\" from penstock.attempt where status <> 'success'") == [("2024-01-16",)]
    project.workspace.execute("update raw.ev set v = 30 where id = 30")
    assert project.built(project.build(), "m") == {"2024-01-16": "previous_failed"}
    same(project, "m", "select id, ts, v from raw.ev")


def test_where_checks_look_at_each_slice_none_share(project: Clocked) -> None:
    project.workspace.write({"models/m.yml": "models: [{name: m, columns: [{name: id, data_tests: [not_null]}]}]\n"})
    project.build()
    assert transactions(project) == 40


def test_a_limit_of_time_is_for_each_so_that_none_share(project: Clocked) -> None:
    project.workspace.replace("models/m.sql", "'batch': 1", "'batch': 1, 'timeout': '1 minute'")
    project.build()
    assert transactions(project) == 40


def test_a_reply_that_got_lost_after_the_commit_does_not_write_twice(project: Clocked) -> None:
    project.build(partitions=["2024-01-01..2024-01-02"])
    arm("commit.after=2:raise")
    project.build()
    assert project.workspace.query(WRONG) == [(0,)]
    same(project, "m", "select id, ts, v from raw.ev")


def test_a_process_that_dies_leaves_all_of_a_transaction_or_nothing(project: Clocked) -> None:
    place = project.workspace
    place.env["PENSTOCK_FAILPOINT"] = "slice.deleted=20:kill"
    assert place.penstock("build", "--partition", "2024-01-01..2024-02-09").code == -9
    del place.env["PENSTOCK_FAILPOINT"]
    assert place.query(WRONG) == [(0,)]
    before = place.query("select count(*) from penstock.materialization")[0][0]
    assert 0 < before < 40
    place.penstock("build", "--partition", "2024-01-01..2024-02-09").expect(0)
    assert place.query(WRONG) == [(0,)]
    assert place.query("select count(*) from penstock.materialization") == [(40,)]
    same(project, "m", "select id, ts, v from raw.ev")
