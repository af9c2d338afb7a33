"""The project whose backfill gets killed: 365 days by 3 regions, written seven days at a time; a file ingested, and a summary."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

FIRST, LAST = date(2023, 1, 1), date(2023, 12, 31)
REGIONS = ("emea", "amer", "apac")
DAYS_AT_ONCE = 7
RANGES = len(REGIONS) * -(-365 // DAYS_AT_ONCE)
DATABASE = "filled.duckdb"
PARTITIONED, INGEST, SUMMARY = "model.filled.by_region", "source.filled.raw.regions", "model.filled.totals"

BACKFILL = ("backfill", "--exclude", "other", "--partition", f"day={FIRST}..{LAST}")
SMALL = (*BACKFILL[:-1], f"day={FIRST}..{FIRST + timedelta(days=2 * DAYS_AT_ONCE - 1)}")
RESUME = ("backfill", "--resume")

FILES = {
    "dbt_project.yml": """\
name: filled
version: "1.0"
config-version: 2
profile: filled
flags: {send_anonymous_usage_stats: false}
""",
    "profiles.yml": f"""\
filled:
  target: dev
  outputs:
    dev: {{type: duckdb, path: "{{{{ flags.PROFILES_DIR }}}}/{DATABASE}", schema: main, threads: 2}}
""",
    "models/sources.yml": """\
version: 2
sources:
  - name: raw
    schema: raw
    tables: [{name: sales}, {name: regions}]
""",
    "models/by_region.sql": f"""\
{{{{ config(materialized='table', meta={{'penstock': {{'batch': {DAYS_AT_ONCE}, 'partitions': {{
    'day': {{'every': 'day', 'start': '{FIRST}', 'end': '{LAST}', 'column': 'day'}},
    'region': {{'values': {list(REGIONS)}, 'column': 'region'}}}}}}}}) }}}}
select day, region, id, amount from {{{{ source('raw', 'sales') }}}}
""",
    "models/totals.sql": """\
{{ config(materialized='table') }}
select r.title, sum(s.amount) as amount
from {{ ref('by_region') }} as s
join {{ source('raw', 'regions') }} as r using (region)
group by r.title
""",
    "models/other.sql": "{{ config(materialized='table') }}\nselect 1 as one\n",
    "ingest/raw/regions.sql": """\
-- ---
-- watch: 'data/regions.csv'
-- ---
select region, title from read_csv('data/regions.csv', header = true)
""",
    "data/regions.csv": "region,title\nemea,Europe\namer,America\napac,Asia\n",
}

SOURCE = f"""
create schema raw;
create table raw.sales as
select date '{FIRST}' + (i // 3 % 365)::integer as day, {list(REGIONS)}[i % 3 + 1] as region, i as id, i % 97 as amount
from range({2 * 3 * 365}) as r(i);
"""
"""Two rows for each day and region."""

PLAIN = {
    "by_region": "select day, region, id, amount from raw.sales",
    "totals": "select r.title, sum(s.amount) as amount from raw.sales as s join raw.regions as r using (region) group by r.title",
}
"""What the tables must hold in the end."""

_SAID = re.compile(r"\d+ of \d+ by_region (?:day=)?(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?,region=(\w+) \.+ \[OK\]")


def write_project(folder: Path) -> None:
    """Write all files but the database."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def acknowledged(line: str) -> list[str]:
    """Return the keys of the partitions that a line of a backfill says are done."""
    found = _SAID.search(line)
    if found is None:
        return []
    first, last = date.fromisoformat(found[1]), date.fromisoformat(found[2] or found[1])
    return [f"day={first + timedelta(days=number)},region={found[3]}" for number in range((last - first).days + 1)]
