"""Ready-made checks on a real history: each formula at its threshold, too little history, and names that mean harm."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from penstock.assets.dimensions import StaticDimension, TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.metrics import Level, Metrics
from penstock.assets.monitors import Distribution, Meaning, Monitor, Newest, NullRate, Volume
from penstock.assets.names import quote
from penstock.assets.partitions import PartitionSpec
from penstock.compiler.checks import put_in_place
from penstock.compiler.history import history_sql
from penstock.compiler.monitors import monitor_check
from penstock.runner.commit import Publication, publish
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse

STATE = 'state "of" it'
ASSET = "model.shop.it's"
NOW = datetime(2024, 3, 14, 12)
WEEK = timedelta(days=7)
DAYS = PartitionSpec((TimeDimension("day", Grain.DAY, "2024-01-01"),))


class World:
    """An asset with a past."""

    def __init__(self) -> None:
        self.sql = Statements(DuckDBWarehouse.in_memory().connect(), STATE)
        migrate(self.sql)
        self.runs = 0

    def built(self, rows: str, at: datetime, partition: str = "", level: Level = Level.FULL) -> None:
        """Record a build of the rows that SQL gives."""
        self.runs += 1
        token = StateWriter(self.sql).claim(f"r{self.runs}", [(ASSET, partition)], at)[ASSET, partition]
        start = datetime.fromisoformat(partition) if partition else None
        what = Publication(
            f"r{self.runs}", ASSET, token, f"({rows})", "main.it", "table", "code", "native", (), at, partition=partition,
            partition_start=start, partition_end=start and start + timedelta(days=1), metrics=Metrics(level), recreates=self.runs == 1,
        )  # fmt: skip
        publish(self.sql, what, lambda: None, lambda: at)

    def weeks(self, *counts: int) -> None:
        """Record a build of so many rows for each of the weeks before this one, the latest last."""
        for ago, count in zip(range(len(counts), 0, -1), counts, strict=True):
            self.built(f"select * from range({count})", NOW - ago * WEEK)

    def ask(self, query: str, this: str) -> list[tuple[Any, ...]]:
        relations = {"this": f"({this})", "history": history_sql(quote(STATE), ASSET)}
        return self.sql.connection.execute(put_in_place(query, relations))

    def status(self, monitor: Monitor, this: str, partitions: PartitionSpec | None = None, now: datetime = NOW) -> str:
        """Return how a ready-made check ends for the rows that SQL gives."""
        spec = monitor_check(monitor, "penstock.yml", partitions, f"timestamp '{now}'")
        failing = self.ask(spec.sql, this)
        short = self.ask(spec.insufficient_sql, this) if spec.insufficient_sql else []
        assert not (failing and short)
        return "fail" if failing else "insufficient" if short else "pass"


@pytest.fixture
def world() -> World:
    return World()


def rows(count: int) -> str:
    return f"select * from range({count})"


@pytest.mark.parametrize(("count", "status"), [(49, "fail"), (50, "pass"), (200, "pass"), (201, "fail"), (0, "fail")])
def test_volume_is_compared_with_the_median_of_the_same_weekday(world: World, count: int, status: str) -> None:
    world.weeks(100, 90, 1000, 100, 1)
    world.built(rows(7), NOW - timedelta(days=1))
    world.built(rows(7), NOW - timedelta(hours=1))
    assert world.status(Volume(), rows(count)) == status


def test_of_a_day_the_last_build_counts(world: World) -> None:
    for week in (1, 2, 3):
        world.built(rows(1), NOW - week * WEEK - timedelta(hours=1))
    world.weeks(100, 100, 100)
    assert world.status(Volume(), rows(100)) == "pass"
    assert world.status(Volume(), rows(1)) == "fail"


def test_too_few_days_are_insufficient_and_so_are_days_too_long_ago(world: World) -> None:
    world.weeks(100, 100)
    assert world.status(Volume(), rows(0)) == "insufficient"
    assert world.status(Volume(min_history=2), rows(0)) == "fail"
    assert world.status(Volume(min_history=2), rows(0), now=NOW + 8 * WEEK) == "insufficient"


def test_without_weekdays_all_days_count(world: World) -> None:
    for ago in range(1, 6):
        world.built(rows(10), NOW - timedelta(days=ago))
    assert world.status(Volume(), rows(100)) == "insufficient"
    assert world.status(Volume(weekday=False), rows(100)) == "fail"
    assert world.status(Volume(weekday=False), rows(20)) == "pass"
    assert world.status(Volume(weekday=False, last=2), rows(100)) == "insufficient"


def slice_of(day: str, count: int, kind: str = "date") -> str:
    return f"select {kind} '{day}' as day from range({count})"


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
@pytest.mark.parametrize(("count", "status"), [(4, "fail"), (5, "pass"), (21, "fail")])
def test_the_volume_of_a_partition_is_compared_with_earlier_partitions_of_its_weekday(
    world: World, kind: str, count: int, status: str
) -> None:
    for week in range(4):
        thursday = datetime(2024, 1, 4) + week * WEEK
        world.built(rows(10), NOW, f"{thursday:%Y-%m-%d}")
        world.built(rows(1), NOW, f"{thursday + timedelta(days=1):%Y-%m-%d}")
    world.sql.connection.execute("set timezone = 'UTC'")
    assert world.status(Volume(), slice_of("2024-02-01", count, kind), DAYS) == status
    both = f"{slice_of('2024-02-01', 10, kind)} union all {slice_of('2024-02-02', 1, kind)}"
    assert world.status(Volume(), both, DAYS) == "pass"
    assert world.status(Volume(), slice_of("2024-01-11", 99, kind), DAYS) == "insufficient"


def test_an_empty_partition_is_compared_with_all_that_is_held(world: World) -> None:
    for day in range(1, 5):
        world.built(rows(10), NOW, f"2024-01-0{day}")
    assert world.status(Volume(), slice_of("2024-02-01", 0), DAYS) == "fail"


def test_only_the_latest_build_of_a_partition_counts(world: World) -> None:
    for count in (100, 100, 10):
        for day in ("2024-01-04", "2024-01-11", "2024-01-18"):
            world.built(rows(count), NOW, day)
    assert world.status(Volume(), slice_of("2024-01-25", 10), DAYS) == "pass"


def test_a_partition_that_is_built_again_is_not_its_own_history(world: World) -> None:
    for day in ("2024-01-04", "2024-01-11", "2024-01-18"):
        world.built(rows(10), NOW, day)
    assert world.status(Volume(), slice_of("2024-01-18", 99), DAYS) == "insufficient"


def test_partitions_of_a_zone_belong_to_its_local_days(world: World) -> None:
    sydney = PartitionSpec((TimeDimension("day", Grain.DAY, "2024-01-01", tz="Australia/Sydney"),))
    for week in range(3):
        world.built(rows(10), NOW, f"{datetime(2024, 1, 3, 13) + week * WEEK}")  # where Thursday begins there, in UTC
    world.sql.connection.execute("set timezone = 'America/New_York'")
    assert world.status(Volume(), slice_of("2024-01-24 20:00:00+00", 9, "timestamptz"), sydney) == "pass"
    assert world.status(Volume(), slice_of("2024-01-24 20:00:00+00", 99, "timestamptz"), sydney) == "fail"
    assert world.status(Volume(), slice_of("2024-01-25", 99), sydney) == "fail"


def test_a_volume_that_other_dimensions_divide_looks_at_the_whole_table() -> None:
    two = PartitionSpec((*DAYS.dimensions, StaticDimension("region", ("a", "b"))))
    assert [monitor_check(Volume(), "p", spec).scope for spec in (None, DAYS, two)] == ["", "", "table"]
    assert monitor_check(Newest("day", 1.0), "p", DAYS).scope == "table"


def nulls(some: int, name: str = "e mail") -> str:
    return f"select if(range < {some}, null, range) as {quote(name)} from range(100)"


@pytest.mark.parametrize(("some", "status"), [(0, "pass"), (7, "pass"), (8, "fail"), (100, "fail")])
def test_a_jump_of_the_null_rate_fails(world: World, some: int, status: str) -> None:
    for ago, before in enumerate((2, 2, 90, 2, 0), 1):
        world.built(nulls(before), NOW - timedelta(days=ago), level=Level.LIGHT)
    assert world.status(NullRate("e mail", 0.055), nulls(some)) == status


def test_null_rates_need_builds_that_had_rows_and_counted(world: World) -> None:
    world.built(nulls(0), NOW, level=Level.LIGHT)
    world.built(nulls(0), NOW, level=Level.OFF)
    world.built("select 1 as other", NOW)
    world.built('select 1 as "e mail" where false', NOW)
    assert world.status(NullRate("e mail"), nulls(100)) == "insufficient"
    assert world.status(NullRate("e mail", min_history=1), nulls(100)) == "fail"
    assert world.status(NullRate("e mail", min_history=1), 'select 1 as "e mail" where false') == "pass"


def test_only_the_last_builds_count_for_null_rates(world: World) -> None:
    for ago in range(6, 0, -1):
        world.built(nulls(50 if ago > 3 else 0), NOW - timedelta(days=ago))
    assert world.status(NullRate("e mail", last=3), nulls(20)) == "fail"
    assert world.status(NullRate("e mail", last=6), nulls(20)) == "pass"
    world.built(f"select * from ({nulls(0)}) where false", NOW)
    assert world.status(NullRate("e mail", last=3), nulls(20)) == "fail"


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
@pytest.mark.parametrize(("days", "status"), [(1, "pass"), (3, "fail"), (-5, "pass")])
def test_freshness_is_the_age_of_the_newest_row(world: World, kind: str, days: int, status: str) -> None:
    world.sql.connection.execute("set timezone = 'UTC'")
    newest = NOW - timedelta(days=days)
    this = f"select {kind} '{newest}' as at union all select {kind} '2000-01-01' union all select null"
    assert world.status(Newest("at", 2 * 86400.0), this) == status


def test_no_row_is_never_fresh_and_freshness_needs_no_history(world: World) -> None:
    assert world.status(Newest("at", 1.0), "select null::timestamp as at") == "fail"
    assert world.status(Newest("at", 1.0), "select now() as at where false") == "fail"
    assert not monitor_check(Newest("at", 1.0), "p").reads_history


NUMBERS = "select range * {factor} + {shift} as amount from range(1001)"


@pytest.mark.parametrize(
    ("factor", "shift", "status"), [(1, 0, "pass"), (1, 220, "pass"), (1, 230, "fail"), (1, -230, "fail"), (2, 0, "fail"), (1.1, 0, "pass")]
)
def test_a_distribution_that_moved_fails(world: World, factor: float, shift: float, status: str) -> None:
    for ago in range(1, 4):
        world.built(NUMBERS.format(factor=1, shift=0), NOW - timedelta(days=ago))
    assert world.status(Distribution("amount"), NUMBERS.format(factor=factor, shift=shift)) == status


def test_what_is_no_number_has_no_part_in_a_distribution(world: World) -> None:
    for ago in range(1, 4):
        world.built(NUMBERS.format(factor=1, shift=0), NOW - timedelta(days=ago))
    strange = f"{NUMBERS.format(factor=1, shift=0)} union all select 'nan'::double from range(900) union all select '-inf'::double from range(900)"
    assert world.status(Distribution("amount"), strange) == "pass"


def test_what_never_moved_fails_when_it_moves_at_all(world: World) -> None:
    for ago in range(1, 4):
        world.built("select 7.0::double as amount", NOW - timedelta(days=ago))
    assert world.status(Distribution("amount"), "select 7.0::double as amount") == "pass"
    assert world.status(Distribution("amount"), "select 7.1::double as amount") == "fail"


def test_distributions_of_times_are_compared_in_seconds(world: World) -> None:
    times = "select timestamptz '{start}' + to_hours(range::int) as at from range(100)"
    for ago in range(1, 4):
        world.built(times.format(start="2024-01-01 00:00:00+00"), NOW - timedelta(days=ago))
    world.sql.connection.execute("set timezone = 'Asia/Tokyo'")
    assert world.status(Distribution("at", 0.01), times.format(start="2024-01-01 00:00:00+00")) == "pass"
    assert world.status(Distribution("at", 0.01), times.format(start="2024-01-01 02:00:00+00")) == "fail"


def test_distributions_need_full_metrics(world: World) -> None:
    for ago in range(1, 5):
        world.built(NUMBERS.format(factor=1, shift=0), NOW - timedelta(days=ago), level=Level.LIGHT)
    assert world.status(Distribution("amount"), NUMBERS.format(factor=9, shift=9)) == "insufficient"


@pytest.mark.parametrize("value", ["1", "'nan'::double", "'text'", "[1]", "null", "true", "date '2024-01-01'", "1.5::decimal(5, 2)"])
def test_a_distribution_of_any_type_can_be_asked_for(world: World, value: str) -> None:
    this = f"select {value} as amount from range(10)"
    for ago in range(1, 4):
        world.built(this, NOW - timedelta(days=ago))
    assert world.status(Distribution("amount"), this) in ("pass", "insufficient")


HOSTILE = ['a"b', "it's", "'; drop table x; --", "{x}", "this", "history", "rows"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_column_name_breaks_out_of_its_place(world: World, name: str) -> None:
    for ago in range(1, 4):
        world.built(nulls(0, name), NOW - timedelta(days=ago))
    assert world.status(NullRate(name), nulls(0, name)) == "pass"
    assert world.status(NullRate(name), nulls(90, name)) == "fail"
    assert world.status(Distribution(name), nulls(0, name)) == "pass"
    assert world.status(Newest(name, 1.0), f"select now()::timestamp + interval 1 day as {quote(name)}") == "pass"


def test_what_a_failure_means_can_be_said() -> None:
    spec = monitor_check(Volume(), "penstock.yml")
    assert (spec.severity, spec.blocking, spec.when, spec.reads_history) == ("error", True, "before_publish", True)
    spec = monitor_check(Volume(meaning=Meaning("warn")), "penstock.yml")
    assert (spec.severity, spec.blocking, spec.when) == ("warn", False, "after")
    assert monitor_check(Volume(meaning=Meaning(when="after")), "penstock.yml").when == "after"


def test_the_clock_is_the_utc_time_of_the_warehouse(world: World) -> None:
    world.sql.connection.execute("set timezone = 'Asia/Tokyo'")
    spec = monitor_check(Newest("at", 60.0), "penstock.yml")
    utc = "select make_timestamp(epoch_us(now())) - to_seconds({ago}) as at"
    assert world.ask(spec.sql, utc.format(ago=30)) == []
    assert len(world.ask(spec.sql, utc.format(ago=90))) == 1
