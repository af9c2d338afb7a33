"""What an input holds makes single partitions of its readers due, and nothing else does."""

from __future__ import annotations

from datetime import datetime

import pytest
from clocked import Clocked, clocked
from partition_projects import BATCHES, BY_DAY, BY_MONTH, DAYS, JOINED, MICROBATCH, NOW, RAW, REGIONS, SOURCES, regional, same, sliced
from workspace import Workspace


def test_late_rows_make_their_own_batch_due_and_no_other(batches: Clocked) -> None:
    batches.workspace.execute("insert into raw.ev values (100, '2024-01-03 04:00', 1, 7, 0), (101, '2024-01-05 23:59:59.999999', 1, 7, 0)")
    assert batches.built(batches.build(), "m") == {"2024-01-03": "late_data", "2024-01-05": "late_data"}
    batches.workspace.execute("delete from raw.ev where ts::date = '2024-01-02'; update raw.ev set v = v + 1 where id = 100")
    assert batches.built(batches.build(), "m") == {"2024-01-02": "late_data", "2024-01-03": "late_data"}
    same(batches, "m", "select id, ts, v, k from raw.ev")
    assert not batches.built(batches.build(), "m")


def test_a_row_that_moves_to_another_day_makes_both_due(batches: Clocked) -> None:
    batches.workspace.execute("update raw.ev set ts = ts + interval 2 days where id = 0")
    assert list(batches.built(batches.build(), "m")) == ["2024-01-01", "2024-01-03"]
    same(batches, "m", "select id, ts, v, k from raw.ev")


@pytest.mark.parametrize(
    "change",
    [
        "insert into raw.ev values (100, '2023-12-31 23:59:59', 1, 7, 0)",
        "insert into raw.ev values (100, '2024-01-09', 1, 7, 0)",
        "insert into raw.ev values (100, null, 1, 7, 0)",
        "update raw.ev set unread = id",
        "alter table raw.ev drop column unread",
        "create or replace table raw.ev as from raw.ev order by v desc",
    ],
)
def test_a_change_that_no_batch_reads_builds_nothing(change: str, batches: Clocked) -> None:
    batches.workspace.execute(change)
    assert batches.built(batches.build(), "m") == {}
    same(batches, "m", "select id, ts, v, k from raw.ev where id < 100")


def test_what_was_taken_back_after_half_of_it_was_built_is_noticed(batches: Clocked) -> None:
    batches.workspace.execute("update raw.ev set v = v + 1000")
    batches.build(partitions=["2024-01-02"])
    batches.workspace.execute("update raw.ev set v = v - 1000")
    assert list(batches.built(batches.build(), "m")) == ["2024-01-02"]
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_what_was_taken_back_after_some_batches_failed_is_noticed(batches: Clocked) -> None:
    batches.workspace.execute("update raw.ev set v = v + 1000")
    batches.workspace.replace("models/m.sql", "select id, ts, v", "select id, ts, case when v = 1160 then error('no') else v end as v")
    batches.build(ok=False)
    batches.workspace.replace("models/m.sql", "case when v = 1160 then error('no') else v end as v", "v")
    batches.workspace.execute("update raw.ev set v = v - 1000")
    batches.build()
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_an_input_without_event_time_is_an_input_of_every_batch(place: Workspace) -> None:
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": JOINED})
    place.execute(RAW)
    project.build()
    place.execute("update raw.dim set unread = 5")
    assert not project.built(project.build(), "m")
    place.execute("update raw.dim set name = 'other' where k = 1")
    assert project.built(project.build(), "m") == dict.fromkeys(DAYS, "upstream_newer")
    same(project, "m", "select e.id, e.ts, e.v, d.name from raw.ev e join raw.dim d using (k)")


@pytest.mark.parametrize("source", ["", " join {{ source('raw', 'ev') }} using (id, ts)"], ids=["alone", "beside"])
def test_an_ephemeral_input_reads_beyond_the_batch_and_is_compared_as_a_whole(source: str, place: Workspace) -> None:
    ranked = "{{ config(materialized='ephemeral') }}\nselect *, sum(v) over (order by ts) as running from {{ source('raw', 'ev') }}"
    model = f"{{{{ config({MICROBATCH}) }}}}\nselect id, ts, running from {{{{ ref('ranked') }}}}{source}"
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/ranked.sql": ranked, "models/m.sql": model})
    place.execute(RAW)
    project.build()
    place.execute("update raw.ev set v = v + 1 where id = 1")
    project.build()
    same(project, "m", "select id, ts, sum(v) over (order by ts) from raw.ev")


MONTHLY = sliced(BY_MONTH, "select date_trunc('month', day) as month, sum(n) as n, sum(v) as v from {{ ref('daily') }} group by 1")
SHARES = sliced(
    BY_DAY,
    "select d.day, d.v / m.v as share from {{ ref('daily') }} as d join {{ ref('monthly') }} as m on m.month = date_trunc('month', d.day)",
)
ALL = "{{ config(materialized='table') }}\nselect sum(v) as v, count(*) as days from {{ ref('daily') }}"


def test_days_become_months_and_months_days_again(batches: Clocked) -> None:
    place = batches.workspace
    place.execute("insert into raw.ev select 200 + i, timestamp '2024-02-01' + to_hours(i * 9), 1, i, 0 from range(8) as r(i)")
    batches.now = datetime(2024, 2, 4, 12)
    place.write({"models/monthly.sql": MONTHLY, "models/shares.sql": SHARES, "models/whole.sql": ALL})
    report = batches.build()
    assert list(batches.built(report, "monthly")) == ["2024-01", "2024-02"]
    assert len(batches.built(report, "shares")) == 35
    place.execute("update raw.ev set v = v + 5 where id in (200, 207)")
    report = batches.build()
    assert batches.built(report, "m") == {"2024-02-01": "late_data", "2024-02-03": "late_data"}
    assert batches.built(report, "daily") == {"2024-02-01": "upstream_newer", "2024-02-03": "upstream_newer"}
    assert batches.built(report, "monthly") == {"2024-02": "upstream_newer"}
    assert list(batches.built(report, "shares")) == [f"2024-02-0{day}" for day in range(1, 5)]
    assert batches.built(report, "whole") == {"": "upstream_newer"}
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")
    same(batches, "monthly", "select date_trunc('month', ts), count(*), sum(v) from raw.ev group by 1")
    same(batches, "whole", "select sum(v), count(distinct ts::date) from raw.ev")
    same(
        batches, "shares",
        "select ts::date, sum(e.v) / any_value(m.v) from raw.ev as e join (select date_trunc('month', ts) as month, sum(v) as v from raw.ev group by 1)"
        " as m on m.month = date_trunc('month', ts) group by 1",
    )  # fmt: skip
    assert not batches.workspace.query("select 1 from penstock.run_steps where run_id = ? and decision = 'BUILD'", [batches.build().run_id])


def test_a_row_that_comes_out_the_same_stops_there(batches: Clocked) -> None:
    batches.workspace.write({"models/monthly.sql": MONTHLY})
    batches.build()
    batches.workspace.execute("update raw.ev set ts = ts + interval 1 minute where id = 0")
    report = batches.build()
    assert list(batches.built(report, "m")) == list(batches.built(report, "daily")) == [DAYS[0]]
    assert not batches.built(report, "monthly")


@pytest.mark.parametrize("rule", ["{'day': {'from': -2, 'to': 0}}", "{'lookback': 2}"])
def test_a_rolling_window_is_redone_for_the_days_that_see_a_change(rule: str, batches: Clocked) -> None:
    rolling = sliced(
        BY_DAY,
        "select d.day, sum(e.v) as v from (select distinct day from {{ ref('daily') }}) as d join {{ ref('daily') }} as e"
        " on e.day between d.day - 2 and d.day group by 1",
        f", 'inputs': {{'daily': {rule}}}",
    )
    batches.workspace.write({"models/rolling.sql": rolling})
    batches.build()
    batches.workspace.execute("update raw.ev set v = v + 5 where id = 5")
    report = batches.build()
    assert list(batches.built(report, "daily")) == DAYS[1:2]
    assert list(batches.built(report, "rolling")) == DAYS[1:4]
    same(
        batches, "rolling",
        "select d.day, sum(v) from (select distinct ts::date as day from raw.ev) as d join raw.ev on ts::date between d.day - 2 and d.day group by 1",
    )  # fmt: skip


def test_a_dimension_that_one_side_lacks_goes_with_all_of_the_other(place: Workspace) -> None:
    project = clocked(place, NOW, regional())
    place.execute("create schema raw;" + REGIONS)
    report = project.build()
    assert [len(project.built(report, name)) for name in ("sold", "by_day", "by_region", "crossed")] == [12, 6, 2, 12]
    place.execute("update raw.sales set v = v + 100 where day = '2024-01-03' and region = 'emea'")
    report = project.build()
    assert len(project.built(report, "sold")) == 12
    assert list(project.built(report, "by_day")) == ["2024-01-03"]
    assert list(project.built(report, "by_region")) == ["emea"]
    assert list(project.built(report, "crossed")) == ["day=2024-01-03,region=amer", "day=2024-01-03,region=emea"]
    known = "from raw.sales where region <> 'apac'"
    same(project, "by_day", f"select day, sum(v) {known} group by 1")
    same(project, "by_region", f"select region, sum(v) {known} group by 1")
    same(
        project,
        "crossed",
        f"select s.day, s.region, s.v, d.v from raw.sales s join (select day, sum(v) as v {known} group by 1) d using (day) {known[15:]}",
    )


def test_a_view_with_event_time_is_read_by_it_and_one_without_as_a_whole(place: Workspace) -> None:
    files = {
        "models/sources.yml": SOURCES.replace(", config: {event_time: ts}", ""),
        "models/cut.sql": "{{ config(materialized='view', event_time='ts') }} select * from {{ source('raw', 'ev') }}",
        "models/uncut.sql": "{{ config(materialized='view') }} select k, count(*) as n from {{ source('raw', 'ev') }} group by 1",
        "models/m.sql": BATCHES.replace("source('raw', 'ev')", "ref('cut')"),
        "models/n.sql": BATCHES.replace("source('raw', 'ev') }}", "ref('cut') }} join {{ ref('uncut') }} using (k)").replace(
            "v, k", "v, n"
        ),
    }
    project = clocked(place, NOW, files)
    place.execute(RAW)
    project.build()
    place.execute("update raw.ev set v = v + 5 where id = 5")
    report = project.build()
    assert project.built(report, "m") == {DAYS[1]: "late_data"}
    same(project, "m", "select id, ts, v, k from raw.ev")
    same(project, "n", "select id, ts, v, count(*) over (partition by k) from raw.ev")
    place.execute("insert into raw.ev values (300, '2024-01-04', 1, 1, 1)")
    project.build()
    same(project, "n", "select id, ts, v, count(*) over (partition by k) from raw.ev")


def test_lookback_redoes_nothing_by_itself(place: Workspace) -> None:
    project = clocked(
        place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": BATCHES.replace("batch_size='day'", "batch_size='day', lookback=3")}
    )
    place.execute(RAW)
    project.build()
    assert not project.built(project.build(), "m")
    project.now = datetime(2024, 1, 7, 1)
    assert list(project.built(project.build(), "m")) == ["2024-01-07"]


def test_a_query_that_asks_the_clock_is_redone_as_far_as_lookback_goes(place: Workspace) -> None:
    model = BATCHES.replace("batch_size='day'", "batch_size='day', lookback=2").replace("v, k", "v, k, now() as seen")
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": model})
    place.execute(RAW)
    project.build()
    assert project.built(project.build(), "m") == dict.fromkeys(DAYS[3:], "volatile")


def test_a_reader_of_columns_by_their_full_name_is_cut_all_the_same(batches: Clocked) -> None:
    query = "select {{ ref('m') }}.ts::date as day, count(*) as n, sum({{ ref('m') }}.v) as v from {{ ref('m') }} group by 1"
    batches.workspace.write({"models/daily.sql": sliced(BY_DAY, query)})
    batches.build()
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")


COUNTED = "{{ config(materialized='view') }} select k, count(*) as n from {{ source('raw', 'ev') }} group by 1"


def test_an_input_that_is_read_by_its_time_and_through_a_view_too_is_compared_as_a_whole(place: Workspace) -> None:
    counting = (
        BATCHES.replace("}}\nselect", "}}\nselect")
        .replace("ev') }}", "ev') }} join {{ ref('counted') }} using (k)")
        .replace("v, k", "v, n")
    )
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/counted.sql": COUNTED, "models/m.sql": counting})
    place.execute(RAW)
    project.build()
    place.execute("insert into raw.ev values (100, '2024-01-02 01:00', 1, 7, 0)")
    assert len(project.built(project.build(), "m")) == 6
    same(project, "m", "select id, ts, v, count(*) over (partition by k) from raw.ev")


def test_a_column_that_only_a_view_in_between_reads_counts(place: Workspace) -> None:
    files = {
        "models/sources.yml": SOURCES,
        "models/marked.sql": "{{ config(materialized='view') }} select k as mark_k, unread as mark from {{ source('raw', 'dim') }}",
        "models/m.sql": JOINED.replace("d.name from", "d.name, mark from").replace(
            "using (k)", "using (k) join {{ ref('marked') }} on k = mark_k"
        ),
    }
    project = clocked(place, NOW, files)
    place.execute(RAW)
    project.build()
    place.execute("update raw.dim set unread = 7 where k = 2")
    project.build()
    same(project, "m", "select e.id, e.ts, e.v, d.name, d.unread from raw.ev e join raw.dim d using (k)")


def test_another_event_time_of_an_input_is_noticed(batches: Clocked) -> None:
    batches.workspace.execute("alter table raw.ev add column seen timestamp; update raw.ev set seen = ts + interval 1 day")
    batches.build()
    batches.workspace.replace("models/sources.yml", "event_time: ts", "event_time: seen")
    batches.build()
    same(batches, "m", "select id, ts, v, k from raw.ev where seen::date = ts::date")


def test_another_rule_for_an_input_reads_other_rows(batches: Clocked) -> None:
    days = "(select unnest(range(date '2024-01-01', date '2024-01-07', interval 1 day))::date as now_day)"
    query = f"select now_day as day, sum(v) as v from {{{{ ref('daily') }}}}, {days} group by 1"
    batches.workspace.write({"models/lately.sql": sliced(BY_DAY, query)})
    batches.build()
    batches.workspace.write({"models/lately.sql": sliced(BY_DAY, query, ", 'inputs': {'daily': {'lookback': 1}}")})
    assert batches.built(batches.build(), "lately") == dict.fromkeys(DAYS, "code_changed")
    wider = "from (select distinct ts::date as d from raw.ev), raw.ev where ts::date between d - 1 and d"
    same(batches, "lately", f"select d, sum(v) {wider} group by 1")
