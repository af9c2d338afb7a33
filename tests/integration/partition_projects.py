"""Projects with partitions for the tests: daily batches of events, slices by day, month and region."""

from __future__ import annotations

from datetime import datetime

from clocked import Clocked

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


def same(project: Clocked, model: str, query: str) -> None:
    """Check that a model holds what a query gives."""
    assert project.rows(f"from {model}") == project.rows(query)
