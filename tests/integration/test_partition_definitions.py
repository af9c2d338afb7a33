"""Other code, other grains, other values: what a new definition makes due of what is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from clocked import Clocked, clocked
from partition_projects import BATCHES, BY_DAY, DAYS, NOW, RAW, REGIONS, SOURCES, regional, same, sliced
from penstock.assets.asset import Asset, Kind
from penstock.parser.partitioned import spec_of
from workspace import Workspace


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
    for change in (
        "select 1",
        "insert into raw.sales values ('2024-01-01', 'antarctica', 5)",
        "delete from raw.sales where region = 'emea'",
    ):
        place.execute(change)
        project.build()
        same(project, "m", "select region, sum(v) from raw.sales group by 1")


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


def test_a_model_with_partitions_of_two_dimensions_is_the_same_after_dbt_read_its_file_again(place: Workspace) -> None:
    project = clocked(place, NOW, regional())
    place.execute("create schema raw;" + REGIONS)
    project.build()
    held = project.held("crossed")
    for number in range(6):
        place.replace("models/crossed.sql", "select s.day", f"-- {number}\nselect s.day")
        assert not project.built(project.build(), "crossed")
    assert project.held("crossed") == held


def test_dimensions_of_a_model_have_one_order_however_dbt_shuffles_them() -> None:
    days, regions = {"every": "day", "start": "2024-01-01"}, {"values": ["emea"]}
    asset = Asset(key="model.p.m", kind=Kind.MODEL, name="m", materialized="table")
    for partitions in ({"region": regions, "day": days, "area": regions}, {"area": regions, "region": regions, "day": days}):
        shuffled = replace(asset, config={"meta": {"penstock": {"partitions": partitions}}})
        spec = spec_of(shuffled)
        assert spec is not None
        assert [one.name for one in spec.dimensions] == ["day", "area", "region"]
