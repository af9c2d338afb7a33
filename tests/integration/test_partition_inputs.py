"""What makes single partitions due: their inputs, their code, their failures, their definition; and nothing else does."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from clocked import Clocked, clocked
from workspace import Workspace

NOW = datetime(2024, 1, 6, 12)
DAYS = [f"2024-01-0{day}" for day in range(1, 7)]
RAW = """
create schema raw;
create table raw.ev as
select i as id, timestamp '2024-01-01' + to_hours(i * 7) as ts, i % 3 as k, i * 10 as v, 0 as unread from range(20) as r(i);
create table raw.dim as select i as k, 'n' || i as name, 0 as unread from range(3) as r(i);
"""
SOURCES = """\
version: 2
sources:
  - name: raw
    tables:
      - {name: ev, config: {event_time: ts}}
      - {name: dim}
"""
MICROBATCH = "materialized='incremental', incremental_strategy='microbatch', event_time='ts', begin='2024-01-01', batch_size='day'"
BATCHES = f"""\
{{{{ config({MICROBATCH}) }}}}
select id, ts, v, k from {{{{ source('raw', 'ev') }}}}
"""
JOINED = f"""\
{{{{ config({MICROBATCH}) }}}}
select e.id, e.ts, e.v, d.name from {{{{ source('raw', 'ev') }}}} as e join {{{{ source('raw', 'dim') }}}} as d using (k)
"""


def sliced(partitions: str, query: str, more: str = "") -> str:
    """Return a model with `meta.penstock.partitions`."""
    return f"{{{{ config(materialized='table', meta={{'penstock': {{'partitions': {partitions}{more}}}}}) }}}}\n{query}\n"


BY_DAY = "{'day': {'every': 'day', 'start': '2024-01-01', 'column': 'day'}}"
BY_MONTH = "{'month': {'every': 'month', 'start': '2024-01-01', 'column': 'month'}}"


DAILY = sliced(BY_DAY, "select ts::date as day, count(*) as n, sum(v) as v from {{ ref('m') }} group by 1")


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    folder = tmp_path / "project"
    return Workspace(folder, folder / "warehouse.duckdb")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Clocked:
    """Six daily batches of an input without partitions that is read by its event time, and a daily model of them; built."""
    folder = tmp_path_factory.mktemp("batches") / "project"
    place = Workspace(folder, folder / "warehouse.duckdb")
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": BATCHES, "models/daily.sql": DAILY})
    place.execute(RAW)
    assert project.built(project.build(), "m") == dict.fromkeys(DAYS, "never_built")
    return project


@pytest.fixture
def batches(template: Clocked, tmp_path: Path) -> Clocked:
    """A copy of the template."""
    return Clocked(template.workspace.copy_to(tmp_path / "project"), template.now)


def same(project: Clocked, model: str, query: str) -> None:
    """Check that a model holds what a query gives."""
    assert project.rows(f"from {model}") == project.rows(query)


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


def test_an_ephemeral_input_reads_beyond_the_batch_and_is_compared_as_a_whole(place: Workspace) -> None:
    ranked = "{{ config(materialized='ephemeral') }}\nselect *, sum(v) over (order by ts) as running from {{ source('raw', 'ev') }}"
    model = f"{{{{ config({MICROBATCH}) }}}}\nselect id, ts, running from {{{{ ref('ranked') }}}}"
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/ranked.sql": ranked, "models/m.sql": model})
    place.execute(RAW)
    project.build()
    place.execute("update raw.ev set v = v + 1 where id = 1")
    project.build()
    same(project, "m", "select id, ts, sum(v) over (order by ts) from raw.ev")


def test_new_code_redoes_every_partition_and_a_comment_none(batches: Clocked) -> None:
    batches.workspace.replace("models/m.sql", "select id", "-- why\nselect id")
    assert not batches.built(batches.build(), "m")
    batches.workspace.replace("models/m.sql", "v, k", "v + 1 as v, k")
    assert batches.built(batches.build(), "m") == dict.fromkeys(DAYS, "code_changed")
    same(batches, "m", "select id, ts, v + 1, k from raw.ev")


def test_new_code_that_came_to_some_partitions_is_still_new_to_the_others(batches: Clocked) -> None:
    batches.workspace.replace("models/m.sql", "v, k", "v + 1 as v, k")
    assert list(batches.built(batches.build(partitions=["2024-01-02..2024-01-03"]), "m")) == DAYS[1:3]
    assert batches.built(batches.build(), "m") == dict.fromkeys([DAYS[0], *DAYS[3:]], "code_changed")
    same(batches, "m", "select id, ts, v + 1, k from raw.ev")


def test_a_partition_that_failed_is_tried_alone(batches: Clocked) -> None:
    batches.workspace.replace("models/m.sql", "v, k", "v + case when id = 10 then error('no') else 1 end as v, k")
    failed = batches.build(ok=False)
    assert list(batches.built(failed, "m")) == [*DAYS[:2], *DAYS[3:]]
    assert "2024-01-03: " in batches.messages(failed)
    batches.workspace.replace("models/m.sql", "case when id = 10 then error('no') else 1 end", "1")
    batches.build()
    same(batches, "m", "select id, ts, v + 1, k from raw.ev")


def test_a_partition_that_failed_for_its_rows_is_tried_alone_once_they_are_right(place: Workspace) -> None:
    model = BATCHES.replace("v, k", "case when v < 0 then error('negative') else v end as v, k")
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": model})
    place.execute(RAW + "update raw.ev set v = -v where id = 11")
    assert list(project.built(project.build(ok=False), "m")) == [*DAYS[:3], *DAYS[4:]]
    assert place.query("""select "partition" from penstock.partition_status where status = 'failed'""") == [(DAYS[3],)]
    place.execute("update raw.ev set v = -v where id = 11; update raw.ev set v = 8 where id = 0")
    assert project.built(project.build(), "m") == {DAYS[0]: "late_data", DAYS[3]: "previous_failed"}
    same(project, "m", "select id, ts, v, k from raw.ev")


def test_a_relation_that_was_dropped_or_replaced_is_made_anew(batches: Clocked) -> None:
    for script in ("drop table m", "drop table m; create view m as select 1 as id"):
        batches.workspace.execute(script)
        assert batches.built(batches.build(), "m") == dict.fromkeys(DAYS, "relation_missing")
        same(batches, "m", "select id, ts, v, k from raw.ev")


def test_a_dropped_relation_of_which_one_partition_is_wanted_holds_no_other(batches: Clocked) -> None:
    batches.workspace.execute("drop table m")
    batches.build(partitions=["2024-01-03"])
    same(batches, "m", "select id, ts, v, k from raw.ev where ts::date = '2024-01-03'")
    assert batches.held("m") == ["2024-01-03"]
    assert batches.built(batches.build(), "m") == dict.fromkeys([*DAYS[:2], *DAYS[3:]], "partition_missing")
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_rows_that_somebody_took_out_come_back(batches: Clocked) -> None:
    batches.workspace.execute("delete from m where ts::date = '2024-01-03'")
    assert set(batches.built(batches.build(), "m").values()) == {"relation_changed"}
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_rows_that_somebody_changed_come_back_where_all_content_is_compared(batches: Clocked) -> None:
    batches.workspace.execute("update m set v = -1 where id = 3")
    batches.build(verify=True)
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_new_days_are_built_as_they_begin(batches: Clocked) -> None:
    batches.workspace.execute("insert into raw.ev values (100, '2024-01-08 01:00', 1, 7, 0)")
    batches.now = datetime(2024, 1, 8, 2)
    assert batches.built(batches.build(), "m") == dict.fromkeys(["2024-01-07", "2024-01-08"], "partition_missing")
    batches.workspace.execute("insert into raw.ev values (101, '2024-01-08 01:30', 1, 7, 0)")
    assert batches.built(batches.build(), "m") == {"2024-01-08": "late_data"}
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_begin_that_moves_back_fills_and_forward_drops(batches: Clocked) -> None:
    batches.workspace.execute("insert into raw.ev values (100, '2023-12-31 01:00', 1, 7, 0)")
    batches.workspace.replace("models/m.sql", "begin='2024-01-01'", "begin='2023-12-30'")
    assert batches.built(batches.build(), "m") == dict.fromkeys(["2023-12-30", "2023-12-31"], "partition_missing")
    same(batches, "m", "select id, ts, v, k from raw.ev")
    batches.workspace.replace("models/m.sql", "begin='2023-12-30'", "begin='2024-01-03'")
    batches.build()
    same(batches, "m", "select id, ts, v, k from raw.ev where ts >= '2024-01-03'")


def test_another_grain_makes_the_table_anew(batches: Clocked) -> None:
    batches.workspace.replace("models/m.sql", "batch_size='day'", "batch_size='month'")
    assert batches.built(batches.build(), "m") == {"2024-01": "code_changed"}
    assert batches.held("m") == ["2024-01"]
    same(batches, "m", "select id, ts, v, k from raw.ev")
    batches.workspace.replace("models/m.sql", "batch_size='month'", "batch_size='day'")
    assert list(batches.built(batches.build(), "m")) == DAYS
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_a_model_protected_from_full_refresh_is_not_made_anew_by_the_flag(place: Workspace) -> None:
    model = BATCHES.replace("batch_size='day'", "batch_size='day', full_refresh=false")
    project = clocked(place, NOW, {"models/sources.yml": SOURCES, "models/m.sql": model})
    place.execute(RAW)
    project.build()
    place.execute(
        "update raw.ev set v = 0 where ts < '2024-01-03'; delete from raw.ev where ts < '2024-01-02'; insert into m values (500, '2020-01-01', 1, 1)"
    )
    project.build(full_refresh=True)
    assert place.query("select count(*) from m where id = 500") == [(1,)]


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


REGIONS = """\
create table raw.sales as
select day::date as day, region, (row_number() over ())::int as v
from range(date '2024-01-01', date '2024-01-07', interval 1 day) as r(day), (values ('emea'), ('amer'), ('apac')) as s(region);
"""
BY_DAY_AND_REGION = "{'day': {'every': 'day', 'start': '2024-01-01'}, 'region': {'values': ['emea', 'amer']}}"


def regional(values: str = "[emea, amer]") -> dict[str, str]:
    """Return files: an ingestion by day and region, a daily and a regional model on top."""
    return {
        "ingest/raw/sold.sql": f"-- ---\n-- partitions: {{day: {{every: day, start: 2024-01-01}}, region: {{values: {values}}}}}\n-- ---\n"
        "select day, region, v from raw.sales where day = $day and region = $region\n",
        "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: sold}]}]\n",
        "models/by_day.sql": sliced(BY_DAY, "select day, sum(v) as v from {{ source('raw', 'sold') }} group by 1"),
        "models/by_region.sql": sliced(
            "{'region': {'values': ['emea', 'amer']}}", "select region, sum(v) as v from {{ source('raw', 'sold') }} group by 1"
        ),
        "models/crossed.sql": sliced(
            BY_DAY_AND_REGION,
            "select s.day, s.region, s.v, d.v as of_day from {{ source('raw', 'sold') }} as s join {{ ref('by_day') }} as d using (day)",
        ),
    }


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


def test_a_list_of_values_that_grows_adds_and_one_that_shrinks_drops(place: Workspace) -> None:
    project = clocked(place, NOW, regional())
    place.execute("create schema raw;" + REGIONS)
    project.build()
    place.write({"ingest/raw/sold.sql": regional("[emea, amer, apac]")["ingest/raw/sold.sql"]})
    report = project.build()
    assert project.built(report, "sold") == {f"day={day},region=apac": "partition_missing" for day in DAYS}
    same(project, "raw.sold", "select day, region, v from raw.sales")
    same(project, "by_day", "select day, sum(v) from raw.sales group by 1")
    place.write({"ingest/raw/sold.sql": regional("[apac]")["ingest/raw/sold.sql"]})
    project.build()
    same(project, "raw.sold", "select day, region, v from raw.sales where region = 'apac'")
    same(project, "by_day", "select day, sum(v) from raw.sales where region = 'apac' group by 1")


def test_values_that_a_query_lists_come_and_go_with_its_rows(place: Workspace) -> None:
    listed = "{'region': {'from': 'select distinct region from raw.sales', 'column': 'region'}}"
    files = {
        "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: sales}]}]\n",
        "models/m.sql": sliced(listed, "select region, sum(v) as v from {{ source('raw', 'sales') }} group by 1"),
    }
    project = clocked(place, NOW, files)
    place.execute("create schema raw;" + REGIONS)
    assert list(project.built(project.build(), "m")) == ["amer", "apac", "emea"]
    place.execute("insert into raw.sales values ('2024-01-01', 'it''s, \"new\"', 5), ('2024-01-01', null, 5)")
    report = project.build()
    assert project.built(report, "m")['"it\'s, ""new"""'] in ("partition_missing", "upstream_newer")
    same(project, "m", "select region, sum(v) from raw.sales where region is not null group by 1")
    place.execute("delete from raw.sales where region = 'apac'")
    project.build()
    same(project, "m", "select region, sum(v) from raw.sales where region is not null group by 1")


def test_values_that_a_query_lists_may_come_from_what_the_same_run_builds(place: Workspace) -> None:
    listed = "{'region': {'from': 'select distinct region from regions', 'column': 'region'}}"
    files = {
        "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: sales}]}]\n",
        "models/regions.sql": "{{ config(materialized='table') }} select distinct region from {{ source('raw', 'sales') }}",
        "models/m.sql": sliced(
            listed, "select region, sum(v) as v from {{ source('raw', 'sales') }} join {{ ref('regions') }} using (region) group by 1"
        ),
    }
    project = clocked(place, NOW, files)
    place.execute("create schema raw;" + REGIONS)
    project.build()
    project.build()
    same(project, "m", "select region, sum(v) from raw.sales group by 1")


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


def test_a_reader_selected_alone_sees_that_its_input_was_emptied(batches: Clocked) -> None:
    for day in ("2024-01-03", "2024-01-05"):
        batches.workspace.execute(f"delete from m where ts::date = '{day}'")
        batches.build("daily")
        same(batches, "daily", "select ts::date, count(*), sum(v) from m group by 1")
        assert not batches.built(batches.build("daily"), "daily")
    batches.build()
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")


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


@pytest.mark.parametrize(
    ("old", "new", "last"),
    [("'column': 'day'", "'column': 'next'", "2024-01-05"), ("'every': 'day'", "'every': 'day', 'tz': 'Asia/Tokyo'", "2024-01-06")],
    ids=["column", "zone"],
)
def test_partitions_of_another_column_or_zone_are_made_anew_all_at_once(old: str, new: str, last: str, batches: Clocked) -> None:
    query = "select ts::date as day, ts::date + 1 as next, sum(v) as v from {{ ref('m') }} group by all"
    batches.workspace.write({"models/shown.sql": sliced(BY_DAY, query, ", 'inputs': {'m': 'all'}")})
    batches.build()
    batches.workspace.replace("models/shown.sql", old, new)
    refused = batches.build(partitions=["2024-01-03"], ok=False)
    assert "must be built anew" in batches.messages(refused)
    assert batches.built(batches.build(), "shown") == dict.fromkeys(DAYS, "code_changed")
    same(batches, "shown", f"select ts::date, ts::date + 1, sum(v) from raw.ev where ts::date <= '{last}' group by all")


def test_another_rule_for_an_input_reads_other_rows(batches: Clocked) -> None:
    before = sliced(
        BY_DAY,
        "select current_day as day, sum(v) as v from {{ ref('daily') }}, (select unnest(range(date '2024-01-01', date '2024-01-07', interval 1 day))::date as current_day) group by 1",
    )
    batches.workspace.write({"models/lately.sql": before})
    batches.build()
    batches.workspace.write({"models/lately.sql": sliced(BY_DAY, before.split("\n", 1)[1], ", 'inputs': {'daily': {'lookback': 1}}")})
    assert set(batches.built(batches.build(), "lately").values()) == {"code_changed"}
    same(
        batches,
        "lately",
        "select d, sum(v) from (select distinct ts::date as d from raw.ev), raw.ev where ts::date between d - 1 and d group by 1",
    )


def test_rows_that_somebody_added_to_slices_are_taken_out(batches: Clocked) -> None:
    batches.workspace.execute("insert into daily values ('2024-01-03', 1, 1)")
    assert set(batches.built(batches.build(), "daily").values()) == {"relation_changed"}
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")


def test_a_model_with_partitions_of_two_dimensions_is_the_same_after_dbt_read_its_file_again(place: Workspace) -> None:
    project = clocked(place, NOW, regional())
    place.execute("create schema raw;" + REGIONS)
    project.build()
    held = project.held("crossed")
    for number in range(6):
        place.replace("models/crossed.sql", "select s.day", f"-- {number}\nselect s.day")
        assert not project.built(project.build(), "crossed")
    assert project.held("crossed") == held
