"""Models that read the bounds of their slice themselves: `var('penstock_start')`, `penstock_end`, `penstock_partition`."""

from __future__ import annotations

from datetime import datetime

import pytest
from clocked import Clocked, clocked
from partition_projects import same, sliced
from small_project import PLACE
from workspace import Workspace

NOW = datetime(2024, 4, 2, 12)
BERLIN = "{'day': {'every': 'day', 'start': '2024-03-29', 'end': '2024-04-01', 'tz': 'Europe/Berlin', 'column': 'day'}}"
DAYS = ["2024-03-29", "2024-03-30", "2024-03-31", "2024-04-01"]
RAW = """
set timezone = 'UTC';
create schema raw;
create table raw.ev as
select i as id, timestamptz '2024-03-28 00:00:00+00' + to_minutes(i * 30) as ts, i % 7 as v from range(300) as r(i);
"""
LOCAL = "select id, v, ts at time zone 'Europe/Berlin' as local from raw.ev"
WITHIN = "local >= '{{ var('penstock_start') }}' and local < '{{ var(\"penstock_end\") }}'"
SUMS = f"""\
select '{{{{ var("penstock_start") }}}}'::timestamp::date as day, count(*) as n, sum(v) as v,
        count(distinct local) as halves, '{{{{ var("penstock_start") }}}} to {{{{ var("penstock_end") }}}}' as said
    from ({LOCAL}) where {WITHIN}"""
KEYED = f"select local::date as day, id, '{{{{ var(\"penstock_partition\") }}}}' as key from ({LOCAL}) where {WITHIN}"
WEEK = f"""\
select local::date as day, id, '{{{{ var("penstock_start") }}}}' as since from ({LOCAL}) where {WITHIN}"""
RIGHT = (
    f"select local::date as day, count(*) as n, sum(v) as v from ({LOCAL}) where local >= '2024-03-29' and local < '2024-04-02' group by 1"
)
WIDE = f"""\
select columns('^(day|id|only {{{{ var("penstock_partition") }}}})$')
from (select local::date as day, id, 1 as "only 2024-03-29", 2 as "only 2024-04-01" from ({LOCAL}) where {WITHIN})"""
OWN_VARS = PLACE["dbt_project.yml"] + "vars: {penstock_end: '1999-01-01'}\n"


def model(query: str, more: str = "") -> str:
    return sliced(BERLIN, query, more)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Clocked:
    """Models by local days, one of them 23 hours long, built; the project has a value of its own for one of the variables."""
    folder = tmp_path_factory.mktemp("bounds") / "project"
    files = {
        "dbt_project.yml": OWN_VARS,
        "models/sums.sql": model(SUMS),
        "models/keyed.sql": model(KEYED, ", 'batch': 'all'"),
        "models/week.sql": model(WEEK, ", 'batch': 'all'"),
        "models/wide.sql": model(WIDE),
        "models/through.sql": model("select day, n, '{{ var(\"penstock_start\") }}' as since from {{ ref('sums') }}"),
        "models/elsewhere.sql": "select '{{ var('penstock_start', '2024-01-01') }}' as said, '{{ var('penstock_end') }}' as own",
    }
    project = clocked(Workspace(folder, folder / "warehouse.duckdb"), NOW, files)
    project.workspace.execute(RAW)
    report = project.build()
    for name in ("sums", "keyed", "week", "wide", "through"):
        assert project.built(report, name) == dict.fromkeys(DAYS, "never_built"), name
    return project


@pytest.fixture
def bounds(template: Clocked, place: Workspace) -> Clocked:
    """A copy of the template."""
    return Clocked(template.workspace.copy_to(place.folder), template.now)


def test_each_slice_is_given_its_own_local_bounds(template: Clocked) -> None:
    same(template, "(select day, n, v from sums)", RIGHT)
    assert template.rows("select day::varchar, halves / 2, said from sums") == [
        ("2024-03-29", 24.0, "2024-03-29 00:00:00 to 2024-03-30 00:00:00"),
        ("2024-03-30", 24.0, "2024-03-30 00:00:00 to 2024-03-31 00:00:00"),
        ("2024-03-31", 23.0, "2024-03-31 00:00:00 to 2024-04-01 00:00:00"),
        ("2024-04-01", 24.0, "2024-04-01 00:00:00 to 2024-04-02 00:00:00"),
    ]


def test_only_batch_gives_one_query_several_slices_and_a_partition_is_always_one(template: Clocked) -> None:
    day = f"select local::date as day, id from ({LOCAL}) where local >= '2024-03-29' and local < '2024-04-02'"
    same(template, "week", f"select *, '2024-03-29 00:00:00' as since from ({day})")
    same(template, "keyed", f"select *, day::varchar as key from ({day})")
    same(template, "through", f"select day, n, day::timestamp::varchar as since from ({RIGHT})")


def test_columns_may_depend_on_the_partition(template: Clocked) -> None:
    day = f"select local::date as day, id from ({LOCAL}) where local >= '2024-03-29' and local < '2024-04-02'"
    same(template, "wide", f"select *, case when day = '2024-04-01' then 2 end as only from ({day})")


def test_elsewhere_the_project_and_the_default_say_what_the_variables_are(template: Clocked) -> None:
    assert template.rows("from elsewhere") == [("2024-01-01", "1999-01-01")]


def test_nothing_is_due_again_and_the_plan_shows_the_query_with_marks(bounds: Clocked) -> None:
    assert {name: found[0] for name, found in bounds.workspace.decisions().items()} == dict.fromkeys(
        ("sums", "keyed", "week", "wide", "through", "elsewhere"), "REUSE"
    )
    assert "'{penstock_start} to {penstock_end}'" in bounds.workspace.penstock("plan", "--force", "--sql", "-s", "sums").expect(0).stdout


def test_a_backfill_gives_each_slice_its_bounds_again(bounds: Clocked) -> None:
    bounds.workspace.execute("delete from raw.ev where id % 3 = 0")
    backfill = ("backfill", "--select", "sums", "--partition", "day=2024-03-30..2024-03-31", "--force")
    assert "2 partitions" in bounds.workspace.penstock(*backfill).expect(0).text
    days = "day between '2024-03-30' and '2024-03-31'"
    same(bounds, f"(select day, n, v from sums where {days})", f"select * from ({RIGHT}) where {days}")
    assert bounds.rows("select count(*) from sums where day = '2024-03-29' and n = 48") == [(1,)]


def test_what_cannot_have_the_bounds_fails_and_says_why(bounds: Clocked) -> None:
    read = "'{{ var(\"penstock_start\") }}' as x"
    key = "{'region': {'values': ['emea', 'amer'], 'column': 'day'}}"
    bounds.workspace.write({
        "dbt_project.yml": PLACE["dbt_project.yml"],
        "models/elsewhere.sql": None,
        "models/plain.sql": f"select {read}",
        "models/by_dbt.sql": "{{ config(materialized='table', post_hook=\"select '{{ var('penstock_start') }}'\") }}\nselect 1 as x",
        "models/cut.sql": model("select '{{ (var(\"penstock_start\") or 'parsing')[:10] }}'::date as day"),
        "models/asks.sql": model("select '{% if (var('penstock_start') or '2') > '2024' %}x{% endif %}' as day"),
        "models/clock.sql": model(f"select date '2024-03-29' as day, {read}, '{{{{ run_started_at }}}}' as ran"),
        "models/bare.sql": model("select {{ var('penstock_end') or 'x' }} as day"),
        "models/inner.sql": f"{{{{ config(materialized='ephemeral') }}}}\nselect {read}",
        "models/outer_one.sql": model("select date '2024-03-29' as day, x from {{ ref('inner') }}"),
        "models/timeless.sql": sliced(key, f"select 'emea' as day, {read}"),
        "models/files.sql": model("select * from read_csv('{{ var(\"penstock_partition\") }}.csv')"),
        "tests/plain_test.sql": f"select {read} where false",
    })  # fmt: skip
    report = bounds.build(ok=False)
    said = {one.asset.name: one.message for one in report.outcomes if one.status.holds_back}
    only = "Only models with `meta.penstock.partitions` are given it; elsewhere write a default: var('penstock_start', ...)."
    whys = {
        "clock": "its Jinja asks the clock or the warehouse",
        "plain": only, "by_dbt": only, "plain_test": only, "cut": "its Jinja does more with", "asks": "its Jinja does more with", "bare": "outside a plain string literal",
        "outer_one": "takes in inner, an ephemeral model that reads the bounds of a slice", "files": "reads files that are named by its partitions",
        "timeless": "asks for time, and no dimension of its partitions is time",
    }  # fmt: skip
    assert {name for name, why in whys.items() if why in said[name]} == set(whys), said
    assert set(said) == set(whys)
