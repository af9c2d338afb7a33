"""Partitions that failed, and tables that somebody dropped, emptied or changed."""

from __future__ import annotations

from clocked import Clocked, clocked
from partition_projects import BATCHES, DAYS, NOW, RAW, SOURCES, same
from workspace import Workspace


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
    assert batches.built(batches.build(), "m") == {"2024-01-03": "relation_changed"}
    same(batches, "m", "select id, ts, v, k from raw.ev")


def test_rows_that_somebody_changed_come_back_where_all_content_is_compared(batches: Clocked) -> None:
    batches.workspace.execute("update m set v = -1 where id = 3; update daily set v = -1 where day = '2024-01-05'")
    assert not batches.built(batches.build(), "m")
    report = batches.build(verify=True)
    assert batches.built(report, "m") == {"2024-01-01": "relation_changed"}
    assert batches.built(report, "daily") == {"2024-01-05": "relation_changed"}
    same(batches, "m", "select id, ts, v, k from raw.ev")
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")
    again = batches.build(verify=True)
    assert not batches.built(again, "m")
    assert not batches.built(again, "daily")


def test_a_reader_selected_alone_redoes_just_what_reads_a_changed_slice(batches: Clocked) -> None:
    batches.workspace.execute("update m set v = -1 where id = 3")
    assert batches.built(batches.build("daily", verify=True), "daily") == {"2024-01-01": "upstream_newer"}
    same(batches, "daily", "select ts::date, count(*), sum(v) from m group by 1")


def test_columns_that_somebody_changed_make_every_partition_due(batches: Clocked) -> None:
    batches.workspace.execute("alter table daily add column more int")
    assert batches.built(batches.build(), "daily") == dict.fromkeys(DAYS, "relation_changed")


def test_rows_that_belong_to_no_partition_are_taken_out(batches: Clocked) -> None:
    batches.workspace.execute("insert into daily values ('1999-01-01', 1, 1), (null, 1, 1)")
    report = batches.build()
    assert set(batches.built(report, "daily").values()) == {"relation_changed"}
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")
    assert not batches.built(batches.build(), "daily")


def test_a_reader_selected_alone_sees_that_its_input_was_emptied(batches: Clocked) -> None:
    for day in ("2024-01-03", "2024-01-05"):
        batches.workspace.execute(f"delete from m where ts::date = '{day}'")
        batches.build("daily")
        same(batches, "daily", "select ts::date, count(*), sum(v) from m group by 1")
        assert not batches.built(batches.build("daily"), "daily")
    batches.build()
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")


def test_rows_that_somebody_added_to_slices_are_taken_out(batches: Clocked) -> None:
    batches.workspace.execute("insert into daily values ('2024-01-03', 1, 1)")
    assert batches.built(batches.build(), "daily") == {"2024-01-03": "relation_changed"}
    same(batches, "daily", "select ts::date, count(*), sum(v) from raw.ev group by 1")


def test_a_table_changed_by_others_is_not_good_because_something_else_was_built(place: Workspace) -> None:
    table = "{{ config(materialized='table') }}\n"
    files = {"models/a.sql": f"{table}select * from range(5) as r(i)", "models/b.sql": f"{table}select 1 as one"}
    project = clocked(place, NOW, files | {"models/c.sql": f"{table}select count(*) as n from {{{{ ref('a') }}}}"})
    project.build()
    for other in ("b", "c"):
        place.execute("delete from a where i = 2")
        project.build(other)
        project.build()
        assert place.query("select (select count(*) from a), n from c") == [(5, 5)]
