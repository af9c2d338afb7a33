"""Partitions that go wrong: names nobody knows, rows of other slices, files that are odd, days that are short."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from clocked import Clocked, clocked
from penstock.errors import PenstockError
from workspace import Workspace

NOW = datetime(2024, 1, 6, 12)
DAYS = [f"2024-01-0{day}" for day in range(1, 7)]
HEADER = "-- ---\n-- partitions: {partitions}\n{more}-- ---\n"
DAILY = "{day: {every: day, start: 2024-01-01}}"
READ = "select id, day::date as day, v from read_csv('data/' || $day || '*.csv', header = true)"


def ingest(query: str = READ, partitions: str = DAILY, more: str = "") -> str:
    """Return the text of an ingestion file."""
    return HEADER.format(partitions=partitions, more="".join(f"-- {line}\n" for line in more.splitlines())) + query + "\n"


def csv_of(day: str, rows: int = 2) -> str:
    """Return the text of a day's file."""
    return "id,day,v\n" + "".join(f"{number},{day},{number * 10}\n" for number in range(rows))


@pytest.fixture
def files(place: Workspace) -> Clocked:
    """Six daily files, of which the fourth is missing; built."""
    texts = {f"data/{day}.csv": csv_of(day) for day in DAYS if day != DAYS[3]}
    project = clocked(place, NOW, {"ingest/raw/orders.sql": ingest(), **texts})
    assert list(project.built(project.build(), "orders")) == [*DAYS[:3], *DAYS[4:]]
    return project


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("region=emea", ("no dimension `region`",)),
        ("dya=2024-01-02", ("no dimension `dya`", "day")),
        ("2024-01-05..2024-01-02", ("runs backwards", "2024-01-02..2024-01-05")),
        ("2023-12-31", ("before the start of `day`", "2024-01-01")),
        ("2024-13-01", ("2024-13-01",)),
        ("2023", ("no partition of `day`",)),
        ("", ("",)),
    ],
)
def test_partitions_that_nobody_has_are_named_with_what_there_is(text: str, told: tuple[str, ...], files: Clocked) -> None:
    with pytest.raises(PenstockError) as raised:
        files.build(partitions=[text])
    assert all(words in f"{raised.value} {raised.value.hint}" for words in told)


def test_a_partition_to_come_is_not_built_before_its_time(files: Clocked) -> None:
    assert not files.built(files.build(partitions=["2024-01-09"]), "orders")


def test_two_mistakes_in_one_range_for_one_asset_leave_the_other_its_own(place: Workspace) -> None:
    by_region = ingest(
        "select $day::date as day, $region as region", "{day: {every: day, start: 2024-01-01}, region: {values: [emea, amer]}}"
    )
    by_place = ingest("select $hour::timestamp as hour, $place as place", "{hour: {every: hour, start: 2024-01-06}, place: {values: [a]}}")
    project = clocked(place, NOW, {"ingest/raw/regions.sql": by_region, "ingest/raw/places.sql": by_place})
    report = project.build(partitions=["day=2024-01-03,region=emea"])
    assert project.built(report, "regions") == {"day=2024-01-03,region=emea": "never_built"}


def test_rows_of_another_slice_are_refused_and_nothing_of_the_file_is_seen(files: Clocked) -> None:
    files.workspace.write({f"data/{DAYS[1]}.csv": csv_of(DAYS[1]) + f"7,{DAYS[2]},1\n8,,1\n", f"data/{DAYS[3]}.csv": csv_of(DAYS[3], 5)})
    report = files.build(ok=False)
    assert files.built(report, "orders") == {DAYS[3]: "partition_missing"}
    assert f"{DAYS[1]}: 2 rows do not belong to {DAYS[1]}" in files.messages(report)
    assert files.workspace.query(f"select count(*) from raw.orders where day = '{DAYS[1]}'") == [(2,)]
    files.workspace.write({f"data/{DAYS[1]}.csv": csv_of(DAYS[1], 4)})
    assert list(files.built(files.build(), "orders")) == [DAYS[1]]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (READ.replace("day::date as day", "day::date as date"), "no column `day`"),
        (READ.replace("day::date as day", "'x' || day as day"), "is a VARCHAR, which has no day"),
        (READ.replace("day::date as day", "null::date as day"), "do not belong to"),
    ],
)
def test_a_column_that_does_not_tell_the_partition_is_an_error_that_says_so(query: str, told: str, files: Clocked) -> None:
    files.workspace.write({"ingest/raw/orders.sql": ingest(query)})
    assert told in files.messages(files.build(ok=False))
    assert files.workspace.query("select count(*) from raw.orders") == [(10,)]


def test_a_file_with_other_columns_fails_alone_and_says_how_they_differ(files: Clocked) -> None:
    files.workspace.write(
        {"ingest/raw/orders.sql": ingest("select * replace (day::date as day) from read_csv('data/' || $day || '*.csv', header = true)")}
    )
    files.build()
    files.workspace.write({f"data/{DAYS[1]}.csv": f"id,day,w\n1,{DAYS[1]},x\n"})
    report = files.build(ok=False)
    said = files.messages(report)
    assert f"{DAYS[1]}: " in said and "`w` is new" in said and "`v` is missing" in said
    assert not files.built(report, "orders")


@pytest.mark.parametrize("mode", ["append_new_columns", "sync_all_columns", "ignore"])
def test_a_file_with_other_columns_goes_in_where_the_header_says_how(mode: str, files: Clocked) -> None:
    query = "select * replace (day::date as day) from read_csv('data/' || $day || '*.csv', header = true)"
    files.workspace.write({"ingest/raw/orders.sql": ingest(query, more=f"schema_change: {mode}")})
    files.build()
    files.workspace.write({f"data/{DAYS[1]}.csv": f"id,day,w\n1,{DAYS[1]},x\n"})
    assert list(files.built(files.build(), "orders")) == [DAYS[1]]
    columns = [name for (name,) in files.workspace.query("select column_name from (describe raw.orders)")]
    assert (
        columns
        == {"append_new_columns": ["id", "day", "v", "w"], "sync_all_columns": ["id", "day", "w"], "ignore": ["id", "day", "v"]}[mode]
    )
    assert files.workspace.query("select count(*) from raw.orders") == [(9,)]
    assert not files.built(files.build(), "orders")


def test_a_file_without_rows_is_a_partition_without_rows(files: Clocked) -> None:
    query = (
        "select id::int as id, day::date as day, v::int as v from read_csv('data/' || $day || '*.csv', header = true, all_varchar = true)"
    )
    files.workspace.write({"ingest/raw/orders.sql": ingest(query), f"data/{DAYS[3]}.csv": "id,day,v\n"})
    files.build(full_refresh=True)
    assert files.held("orders") == DAYS
    assert files.workspace.query('select "rows" from penstock.partition_status where "partition" = \'2024-01-04\'') == [(0,)]
    assert not files.built(files.build(), "orders")


def test_a_file_of_no_bytes_fails_alone(files: Clocked) -> None:
    files.workspace.write({f"data/{DAYS[3]}.csv": "", f"data/{DAYS[0]}.csv": csv_of(DAYS[0], 5)})
    report = files.build(ok=False)
    assert files.built(report, "orders") == {DAYS[0]: "new_files"}
    assert f"{DAYS[3]}: " in files.messages(report)


def test_partitions_without_files_wait_and_are_no_failure(place: Workspace) -> None:
    project = clocked(place, NOW, {"ingest/raw/orders.sql": ingest()})
    assert not project.built(project.build(), "orders")
    assert place.query("select status, count(*) from penstock.partition_status group by all") == [("waiting", 6)]
    place.write({f"data/{DAYS[2]}.csv": csv_of(DAYS[2])})
    assert list(project.built(project.build(), "orders")) == [DAYS[2]]


def test_required_files_that_are_not_there_once_their_day_is_over_are_a_failure(files: Clocked) -> None:
    files.workspace.write({"ingest/raw/orders.sql": ingest(more="required: true"), f"data/{DAYS[5]}.csv": None})
    files.now += timedelta(hours=1)
    report = files.build(ok=False)
    said = files.messages(report)
    assert f"{DAYS[3]}: no file matches data/**.csv" in said and "required" in said
    assert DAYS[5] not in said, "its rows are held, and its day is not over"
    assert not files.built(report, "orders")
    assert files.workspace.query("select \"partition\" from penstock.partition_status where status = 'failed'") == [(DAYS[3],)]
    files.build(ok=False)
    files.workspace.write({f"data/{DAYS[3]}.csv": csv_of(DAYS[3])})
    assert files.built(files.build(), "orders") == {DAYS[3]: "previous_failed"}
    assert not files.built(files.build(), "orders")
    files.now = datetime(2024, 1, 7, 12)
    assert not files.built(files.build(), "orders"), "the seventh may still come"
    files.now = datetime(2024, 1, 8, 1)
    assert "2024-01-07: no file matches" in files.messages(files.build(ok=False))


def test_required_files_do_not_keep_the_others_from_a_table(place: Workspace) -> None:
    project = clocked(place, NOW, {"ingest/raw/orders.sql": ingest(more="required: true"), f"data/{DAYS[2]}.csv": csv_of(DAYS[2])})
    report = project.build(ok=False)
    assert list(project.built(report, "orders")) == [DAYS[2]]
    assert project.messages(report).count("no file matches") == 2, "two ranges lack files: before and after"


BERLIN = "{{{every}: {{every: {every}, start: {start}, end: {end}, tz: Europe/Berlin, column: {column}}}}}"


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("column", ["local", "instant"])
@pytest.mark.parametrize(("start", "end"), [("2024-03-30", "2024-04-01"), ("2024-10-26", "2024-10-28")], ids=["spring", "autumn"])
@pytest.mark.parametrize("every", ["day", "hour"])
def test_days_of_23_and_25_hours_hold_each_row_once(every: str, start: str, end: str, column: str, batch: int, place: Workspace) -> None:
    bounds = {"start": start, "end": end} if every == "day" else {"start": f"{start}T22", "end": f"{end}T05"}
    query = "select id, instant, local from raw.moments where local >= $start and local < $end"
    text = ingest(query, BERLIN.format(every=every, column=column, **bounds), f"batch: {batch}")
    project = clocked(place, datetime(2024, 12, 1), {"ingest/raw/kept.sql": text})
    place.execute(
        f"""set timezone = 'UTC'; create schema raw; create table raw.moments as select i as id, instant, instant at time zone 'Europe/Berlin' as local
        from (select i, timestamptz '{start} 00:00+00' - interval 1 day + to_minutes(i * 10) as instant from range(800) as r(i))"""
    )
    project.build()
    first, last = (f"{bounds['start']}:00".replace("T", " "), f"{bounds['end']}:00".replace("T", " ")) if every == "hour" else (start, end)
    within = f"local >= timestamp '{first}' and local < timestamp '{last}' + interval 1 {every}"
    assert project.rows("select id from raw.kept") == project.rows(f"select id from raw.moments where {within}")
    recorded = place.query("select sum(\"rows\"), count(*) from penstock.partition_status where status = 'held'")
    hours = {"spring": 30, "autumn": 31}["spring" if start < "2024-06" else "autumn"]
    assert recorded[0][0] == place.query("select count(*) from raw.kept")[0][0]
    assert recorded[0][1] in ((3,) if every == "day" else (31, hours, 32))
    assert not project.built(project.build(verify=True), "kept")


def test_hostile_values_are_values(place: Workspace) -> None:
    values = ["a'b", "x=y,z", 'say "so"', "{{ no }}", "$day", "semi;colon--", "back\\slash", "ünï", " space ", "%"]
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    text = ingest(
        "select id, day, who from raw.said where day = $day and who = $who",
        f"{{day: {{every: day, start: 2024-01-05}}, who: {{values: [{listed}]}}}}",
    )
    model = {"by_who": "{'who': {'values': " + repr(values) + "}}"}
    files = {
        "ingest/raw/kept.sql": text,
        "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: kept}]}]\n",
        "models/by_who.sql": "{{ config(materialized='table', meta={'penstock': {'partitions': "
        + model["by_who"].replace("{{ no }}", "{' ~ '{ no }' ~ '}") + "}}) }}\nselect who, count(*) as n from {{ source('raw', 'kept') }} group by 1\n",
    }  # fmt: skip
    project = clocked(place, NOW, files)
    rows = ", ".join(f"({number}, '{value.replace(chr(39), chr(39) * 2)}')" for number, value in enumerate(values))
    place.execute(
        f"create schema raw; create table raw.said as select id, day::date as day, who from (values {rows}) as v(id, who),"
        " (values (date '2024-01-05'), (date '2024-01-06')) as d(day)"
    )
    report = project.build()
    assert len(project.built(report, "kept")) == 2 * len(values)
    assert project.rows("from raw.kept") == project.rows("from raw.said")
    assert project.rows("from by_who") == project.rows("select who, count(*) from raw.said group by 1")
    assert not project.built(project.build(), "kept")
    place.execute("update raw.said set id = id + 100 where who = 'x=y,z' and day = '2024-01-06'")
    project.build(partitions=['day=2024-01-06,who="x=y,z"'], force=True)
    assert place.query("select count(*) from raw.kept where id >= 100") == [(1,)]


def test_ten_thousand_files_are_listed_in_seconds(place: Workspace) -> None:
    start = datetime(1996, 8, 21)
    folder = place.folder / "data"
    folder.mkdir(parents=True)
    for number in range(10_000):
        day = start + timedelta(days=number)
        (folder / f"{day:%Y-%m-%d}_orders.csv").write_text(f"id,day,v\n1,{day:%Y-%m-%d},1\n")
    query = "select id, day, v from read_csv('data/' || $day || '_*.csv', columns = {'id': 'int', 'day': 'date', 'v': 'int'})"
    text = ingest(query, DAILY.replace("2024-01-01", "1996-08-21"))
    project = clocked(place, start + timedelta(days=9_999), {"ingest/raw/orders.sql": text})
    began = time.perf_counter()
    project.build(partitions=["1996-08-21..1996-08-25"])
    took = time.perf_counter() - began
    print(f"first build, 5 of 10,000 partitions: {took:.1f} s")
    began = time.perf_counter()
    assert not project.built(project.build(partitions=["1996-08-21..1996-08-25"]), "orders")
    print(f"nothing to do: {time.perf_counter() - began:.1f} s")
    assert project.held("orders") == [f"1996-08-{day}" for day in range(21, 26)]
