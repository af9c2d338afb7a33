"""Microbatch models hold the same whoever builds them: dbt, Penstock, or Penstock through dbt.

dbt is told each range, because its clock cannot be set; one test lets it choose, near the real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clocked import Clocked
from compare import compare
from small_project import PLACE, PROFILE
from workspace import Dbt, Workspace

END = datetime(2024, 1, 8)
RANGES = {"hour": ("2024-01-07T18:00:00", "2024-01-08"), "day": ("2024-01-01", "2024-01-08"), "month": ("2023-11-01", "2024-02-01")}
BEGIN = {size: start for size, (start, _) in RANGES.items()}
RAW = """
set timezone = 'UTC';
create schema raw;
create table raw.dim as select i as k, 'name ' || i as name from range(4) as r(i);
create table raw.by_date as
select i as id, date '2023-11-05' + (i * 5 % 64)::int as seen, i % 5 as k, i::decimal(8, 2) as v from range(200) as r(i);
create table raw.by_time as
select i as id, timestamp '2024-01-01 00:00' + to_minutes((i * 97 % 10000)::bigint) as seen, i % 5 as k, i::decimal(8, 2) as v
from range(300) as r(i);
create table raw.by_instant as select * replace (seen::timestamptz as seen) from raw.by_time;
insert into raw.by_time values (1000, null, 1, 1), (1001, '2023-12-31 23:59:59.999999', 1, 1), (1002, '2024-01-03', 1, 1);
"""
SOURCES = """\
version: 2
sources:
  - name: raw
    tables:
      - {name: by_date, config: {event_time: seen}}
      - {name: by_time, config: {event_time: seen}}
      - {name: by_instant, config: {event_time: seen}}
      - {name: whole, identifier: by_time}
      - {name: dim}
"""
TIME, INSTANT, DATE = (f"{{{{ source('raw', '{name}') }}}}" for name in ("by_time", "by_instant", "by_date"))
WHOLE, DIM = "{{ source('raw', 'whole') }}", "{{ source('raw', 'dim') }}"


def batched(size: str, query: str, more: str = "", event_time: str = "seen") -> str:
    """Return a microbatch model."""
    config = f"materialized='incremental', incremental_strategy='microbatch', event_time='{event_time}', batch_size='{size}'"
    return f"{{{{ config({config}, begin='{BEGIN[size]}', tags=['{size}']{more}) }}}}\n{query}\n"


MODELS = {
    "hour_time": batched("hour", f"select id, seen, v from {TIME}"),
    "hour_instant": batched("hour", f"select date_trunc('hour', seen) as seen, count(*) as n, sum(v) as v from {INSTANT} group by 1"),
    "day_time": batched("day", f"select id, seen, k, v from {TIME}"),
    "day_instant": batched("day", f"select id, seen, k, v, row_number() over (order by seen desc, id) as place from {INSTANT}"),
    "day_date": batched("day", f"select seen, count(*) as n, list(id order by id) as ids from {DATE} group by 1"),
    "day_joined": batched("day", f"select e.id, e.seen, d.name, e.v from {TIME} as e join {DIM} as d using (k) -- from {TIME}"),
    "day_left": batched(
        "day", f"select d.k, d.name, max(e.seen) as seen, sum(e.v) as v from {DIM} as d left join {TIME} as e using (k) group by all"
    ),
    "day_summed": batched("day", f"select seen::date as seen, k, sum(v) as v, avg(v) as mean from {TIME} group by all having count(*) > 1"),
    "day_running": batched(
        "day", f"select id, seen, sum(v) over (partition by k order by seen, id) as running from {TIME}", ", lookback=2"
    ),
    "day_rendered": batched(
        "day", f"select e.id, e.seen, (select count(*) from {TIME.replace(' }}', '.render() }}')}) as n from {TIME} as e"
    ),
    "day_twice": batched(
        "day", f"select a.id, a.seen, count(b.id) as others from {TIME} as a left join {INSTANT} as b on b.k = a.k group by all"
    ),
    "day_moved": batched("day", f"select id, seen + interval 2 days as seen, v from {TIME}"),
    "day_top": batched("day", f"select id, seen, v from {TIME} order by v desc, id limit 3"),
    "day_quoted": batched("day", f'select id, seen as "Seen At", v from {TIME}', event_time='"Seen At"'),
    "day_view": batched("day", "select id, seen, doubled from {{ ref('cut_view') }}"),
    "day_uncut_view": batched("day", "select id, seen, doubled, total from {{ ref('uncut_view') }}"),
    "day_ephemeral": batched("day", "select id, seen, doubled, total from {{ ref('uncut_ephemeral') }}"),
    "day_cut_ephemeral": batched(
        "day", "select max(id) as id, max(seen) as seen, k, sum(total) as total from {{ ref('cut_ephemeral') }} group by k"
    ),
    "day_of_batches": batched("day", "select seen, count(*) as n, sum(v) as v from {{ ref('day_time') }} group by 1"),
    "day_all_at_once": batched("day", f"select id, seen, k, v from {TIME}", ", meta={'penstock': {'batch': 'all'}}"),
    "day_ignoring": batched("day", f"select id, seen, k, v from {TIME}", ", on_schema_change='ignore'"),
    "day_appending": batched("day", f"select id, seen, k, v from {TIME}", ", on_schema_change='append_new_columns'"),
    "day_syncing": batched("day", f"select id, seen, k, v from {TIME}", ", on_schema_change='sync_all_columns'"),
    "month_date": batched("month", f"select seen, id, v from {DATE}"),
    "month_time": batched("month", f"select date_trunc('month', seen) as seen, k, sum(v) as v from {TIME} group by all"),
    "month_instant": batched("month", f"select seen, id, first_value(id) over (order by seen, id) as first_id from {INSTANT}"),
}
KEEPING = batched("day", f"select id, seen, k, v from {TIME}", ", incremental_predicates=['k <> 3']")
DOUBLED = f"select *, v * 2 as doubled, sum(v) over () as total from {WHOLE}"
FILES = {
    **PLACE,
    "models/sources.yml": SOURCES,
    "models/cut_view.sql": "{{ config(materialized='view', event_time='seen') }}\n" + DOUBLED,
    "models/uncut_view.sql": "{{ config(materialized='view') }}\n" + DOUBLED,
    "models/uncut_ephemeral.sql": "{{ config(materialized='ephemeral') }}\n" + DOUBLED.replace(WHOLE, TIME),
    "models/cut_ephemeral.sql": "{{ config(materialized='ephemeral', event_time='seen') }}\n" + DOUBLED.replace(WHOLE, TIME),
    **{f"models/{name}.sql": text for name, text in MODELS.items()},
}
WIDER = {
    f"models/day_{mode}.sql": MODELS[f"day_{mode}"].replace("k, v from", "v, v + 1 as more from")
    for mode in ("appending", "syncing")
} | {"models/day_ignoring.sql": MODELS["day_ignoring"].replace("k, v from", "k, v, v + 1 as more from")}  # fmt: skip


@dataclass
class Three:
    """The same project in three places."""

    native: Clocked
    through: Clocked
    plain: Workspace
    dbt: Dbt

    @property
    def places(self) -> tuple[Workspace, ...]:
        """All three."""
        return self.native.workspace, self.through.workspace, self.plain

    def prepare(self, files: dict[str, str], script: str = "select 1") -> None:
        """Change files and raw tables everywhere."""
        for place in self.places:
            place.write(files)
            place.execute(script)

    def build(self, *flags: str, select: tuple[str, ...] = (), **wanted: object) -> None:
        """Build everywhere, dbt over the whole range of each batch size."""
        self.native.build(*select, **wanted)  # type: ignore[arg-type]
        self.through.build(*select, executor="dbt", **wanted)  # type: ignore[arg-type]
        self.dbt("run", "--exclude", "config.materialized:incremental", project=self.plain.folder)
        for size, (start, end) in RANGES.items():
            chosen = select or (f"tag:{size}",)
            self.dbt("run", "-s", *chosen, *flags, "--event-time-start", start, "--event-time-end", end, project=self.plain.folder)
            if select:
                break

    def same(self) -> None:
        """Check that all three hold the same relations, columns, types and rows."""
        for built in (self.native.workspace, self.through.workspace):
            problems = compare(built.database, self.plain.database)
            assert not problems, f"{built.folder.name}:\n" + "\n".join(problems)


@contextmanager
def three(tmp_path: Path, dbt: Dbt, files: dict[str, str], raw: str = RAW, now: datetime = END - timedelta(minutes=30)) -> Iterator[Three]:
    places = [Workspace(tmp_path / way, tmp_path / way / "warehouse.duckdb") for way in ("native", "through", "plain")]
    project = Three(Clocked(places[0], now), Clocked(places[1], now), places[2], dbt)
    project.prepare(files, raw)
    yield project


@pytest.mark.parametrize("zone", ["UTC", pytest.param("America/New_York", marks=pytest.mark.slow)])
def test_batches_of_every_size_and_kind_of_time_are_the_same_round_after_round(zone: str, tmp_path: Path, dbt: Dbt) -> None:
    profile = PROFILE.replace("      threads: 4\n", f"      threads: 4\n      settings: {{TimeZone: {zone}}}\n")
    with three(tmp_path, dbt, {**FILES, "profiles.yml": profile}) as project:
        project.build()
        project.same()
        project.prepare(
            {},
            """update raw.by_time set v = v + 500 where id % 37 = 0; delete from raw.by_instant where id % 41 = 0;
            insert into raw.by_date values (500, '2023-12-24', 1, 5); update raw.dim set name = 'another' where k = 2;
            insert into raw.by_time select id + 2000, seen + interval 1 second, k, v from raw.by_time where id % 29 = 0""",
        )
        project.build()
        project.same()
        if zone == "UTC":
            project.prepare(WIDER)
            project.build()
            project.same()
            project.prepare({}, "update raw.by_time set v = v * 3; delete from raw.by_date where id % 4 = 1")
            project.build("--full-refresh", full_refresh=True)
            project.same()


def test_a_range_is_what_dbt_calls_event_time_start_and_end(tmp_path: Path, dbt: Dbt) -> None:
    days = ("day_time", "day_running", "day_summed", "day_of_batches", "day_left", "day_moved")
    files = {
        **PLACE,
        "models/sources.yml": SOURCES,
        **{f"models/{name}.sql": MODELS[name] for name in (*days, "hour_time")},
        "models/keeping.sql": KEEPING,
    }
    with three(tmp_path, dbt, files) as project:
        project.build()
        project.prepare({}, "update raw.by_time set v = v + 10, k = (k + 1) % 5")
        for clocked, executor in ((project.native, "auto"), (project.through, "dbt")):
            report = clocked.build(*days, "keeping", partitions=["2024-01-03..2024-01-04"], executor=executor)
            assert list(clocked.built(report, "day_time")) == ["2024-01-03", "2024-01-04"]
            clocked.build("hour_time", partitions=["2024-01-07T20..2024-01-07T21"], executor=executor)
        place = project.plain.folder
        dbt("run", "-s", *days, "keeping", "--event-time-start", "2024-01-03", "--event-time-end", "2024-01-05", project=place)
        hours = ("--event-time-start", "2024-01-07T20:00:00", "--event-time-end", "2024-01-07T22:00:00")
        dbt("run", "-s", "hour_time", *hours, project=place)
        project.same()


def test_a_batch_whose_columns_may_not_change_fails_everywhere_and_nothing_of_it_is_seen(tmp_path: Path, dbt: Dbt) -> None:
    model = batched("day", f"select id, seen, k, v from {TIME}", ", on_schema_change='fail'")
    with three(tmp_path, dbt, {**PLACE, "models/sources.yml": SOURCES, "models/strict.sql": model}) as project:
        project.native.build()
        project.through.build(executor="dbt")
        dbt("run", "--event-time-start", RANGES["day"][0], "--event-time-end", RANGES["day"][1], project=project.plain.folder)
        project.same()
        project.prepare({"models/strict.sql": model.replace("k, v from", "k, v, 1 as more from")})
        assert "`more` is new" in project.native.messages(project.native.build(ok=False))
        project.through.build(executor="dbt", ok=False)
        done, _ = dbt.attempt("run", "--event-time-start", "2024-01-02", "--event-time-end", "2024-01-04", project=project.plain.folder)
        assert not done
        project.same()
        project.prepare({"models/strict.sql": model.replace("'fail'", "'ignore'").replace("k, v from", "k from")})
        assert "the query does not give `v`" in project.native.messages(project.native.build(ok=False))
        done, _ = dbt.attempt("run", "--event-time-start", "2024-01-02", "--event-time-end", "2024-01-04", project=project.plain.folder)
        assert not done
        project.same()


def test_the_record_of_what_dbt_built_is_that_of_each_slice_in_any_zone(tmp_path: Path, dbt: Dbt) -> None:
    profile = PROFILE.replace("      threads: 4\n", "      threads: 4\n      settings: {TimeZone: America/New_York}\n")
    names = ("day_time", "day_instant", "day_date")
    files = {**PLACE, "profiles.yml": profile, "models/sources.yml": SOURCES, **{f"models/{name}.sql": MODELS[name] for name in names}}
    with three(tmp_path, dbt, files) as project:
        for clocked, executor in ((project.native, "auto"), (project.through, "dbt")):
            clocked.build(executor=executor)
            again = clocked.build(executor=executor, verify=True)
            assert [clocked.built(again, name) for name in names] == [{}, {}, {}]
            clocked.workspace.execute("update day_instant set v = v + 1 where id = 5")
            assert clocked.built(clocked.build(executor=executor, verify=True), "day_instant")


def test_one_batch_is_enough(tmp_path: Path, dbt: Dbt) -> None:
    model = MODELS["day_moved"].replace(BEGIN["day"], "2024-01-07")
    with three(tmp_path, dbt, {**PLACE, "models/sources.yml": SOURCES, "models/one.sql": model}) as project:
        for _ in range(2):
            project.native.build()
            project.through.build(executor="dbt")
            dbt("run", "--event-time-start", "2024-01-07", "--event-time-end", "2024-01-08", project=project.plain.folder)
            project.same()
            project.prepare({}, "update raw.by_time set v = v + 7")


def test_batches_up_to_now_are_the_same_where_dbt_looks_at_its_own_clock(tmp_path: Path, dbt: Dbt) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    hour = now.replace(minute=0, second=0, microsecond=0)
    sized = {"hour": hour - timedelta(hours=5), "day": hour - timedelta(days=4), "month": hour - timedelta(days=40)}
    raw = (
        RAW
        + f"create or replace table raw.by_time as select i as id, timestamp '{hour}' - to_minutes(i * 7) as seen, 1 as k, i as v from range(1000) as r(i);"
    )
    files = {
        f"models/{size}ly.sql": batched(size, f"select id, seen, v from {TIME}", ", lookback=2").replace(BEGIN[size], begin.isoformat())
        for size, begin in sized.items()
    }
    with three(tmp_path, dbt, {**PLACE, "models/sources.yml": SOURCES, **files}, raw, now) as project:
        for _ in range(2):
            project.native.build()
            project.through.build(executor="dbt")
            dbt("run", project=project.plain.folder)
            project.same()
            project.prepare({}, f"update raw.by_time set v = v + 3 where seen >= timestamp '{hour}' - interval 1 hour")


@pytest.mark.parametrize(
    "beside", [f"(select count(*) from {WHOLE})", "(select count(*) from {{ source('raw', 'by_time').include(database=false) }})"]
)
def test_what_only_dbt_can_cut_is_left_to_dbt(beside: str, tmp_path: Path, dbt: Dbt) -> None:
    model = batched("day", f"select id, seen, {beside} as n from {TIME}")
    if "include" in beside:
        model = model.replace(TIME, "(select 1 as id, timestamp '2024-01-02 03:04' as seen)")
    with three(tmp_path, dbt, {**PLACE, "models/sources.yml": SOURCES, "models/counted.sql": model}) as project:
        said = project.native.messages(project.native.build(ok=False))
        assert "cannot be told from its text" in said
        project.native.build(executor="dbt")
        project.through.build(executor="dbt")
        dbt("run", "--event-time-start", RANGES["day"][0], "--event-time-end", RANGES["day"][1], project=project.plain.folder)
        project.same()
