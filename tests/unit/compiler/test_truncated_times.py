"""Queries whose periods are the times of their inputs cut down: they go together where no unit is longer than a period."""

from __future__ import annotations

import duckdb
import pytest
from penstock.assets.grains import Grain
from penstock.assets.names import RelationName
from penstock.compiler.restrict import distributes

T, U = RelationName("d", "s", "t"), RelationName("d", "s", "u")
CUT = {T: "at", U: "at"}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select date_trunc('day', at) as day, count(*) as n from d.s.t group by 1", True),
        ("select date_trunc('day', t.at) as day, k, sum(v) as v from d.s.t group by all", True),
        ("select date_trunc('day', at)::date as day, v from d.s.t", True),
        ("select at::date as day, max(v) as v from d.s.t group by at::date", True),
        ("select cast(at as date) as day, v from d.s.t", True),
        ("select date_trunc('hour', at) as day, v from d.s.t", True),
        ("with c as (select at::date as day, v from d.s.t) select day, sum(v) as v from c group by day", True),
        ("select distinct date_trunc('day', at) as day from d.s.t", True),
        ("select at::date as day, v, sum(v) over (partition by at) as s from d.s.t", True),
        ("select at::date as day, v from d.s.t union all select at as day, v from d.s.u", True),
        ("select date_trunc('month', at) as day, v from d.s.t", False),
        ("select date_trunc('week', at) as day, v from d.s.t", False),
        ("select date_trunc('month', at::date) as day, v from d.s.t", False),
        ("select date_trunc('day', at + interval 1 hour) as day, v from d.s.t", False),
        ("select date_trunc('day', max(at)) as day, v from d.s.t group by v", False),
        ("select try_cast(at as date) as day, v from d.s.t", False),
        ("select at::varchar as day, v from d.s.t", False),
        ("select at::date as day, sum(v) over (order by at) as running from d.s.t", False),
        ("select at::date as day, v from d.s.t order by v limit 3", False),
        ("select at::date as other, later as day, v from d.s.t", False),
        ("select t.at::date as day, u.v from d.s.t join d.s.u using (k)", False),
    ],
)
def test_days_go_together_where_each_row_stays_in_its_own(sql: str, expected: bool) -> None:
    assert distributes(sql, "day", CUT, "duckdb", Grain.DAY) is expected


def test_times_with_a_zone_are_not_followed() -> None:
    assert not distributes("select at::date as day from d.s.t", "day", CUT, "duckdb")


UNITS = ("microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade")


@pytest.mark.parametrize("grain", list(Grain))
def test_a_unit_is_followed_only_if_no_time_leaves_its_period(grain: Grain) -> None:
    followed = {
        unit for unit in UNITS if distributes(f"select date_trunc('{unit}', at) as day from d.s.t", "day", {T: "at"}, "duckdb", grain)
    }
    tests = ", ".join(f"bool_or(date_trunc('{grain}', t) <> date_trunc('{grain}', date_trunc('{unit}', t)))" for unit in UNITS)
    times = "select unnest(range(timestamp '2023-01-01', timestamp '2026-02-01', interval 37 minutes)) as t"
    with duckdb.connect() as connection:
        found = connection.execute(f"select {tests} from ({times})").fetchall()[0]
    leaving = {unit for unit, leaves in zip(UNITS, found, strict=True) if leaves}
    assert followed == set(UNITS) - leaving
