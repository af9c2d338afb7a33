"""A project in which everything that a check can look at is built, and the ways to change its rows without parsing it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from clocked import Clocked, at
from partition_projects import BATCHES
from penstock.app.build import Report
from penstock.app.gateway import DbtGateway
from penstock.app.settings import Place, discover
from penstock.app.waivers import waive
from penstock.runner.outcomes import Outcome
from small_project import PLACE
from workspace import Workspace

NOW = datetime(2024, 1, 6, 12)
RAW = "create schema raw; create table raw.t as select range::int as id, range::int * 10 as v from range(1, 4)"
FILES = {
    **PLACE,
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: t}]}]\n",
    "models/one.sql": "{{ config(materialized='table') }}\nselect id, v from {{ source('raw', 't') }}\n",
    "models/two.sql": "{{ config(materialized='table') }}\nselect id, v from {{ ref('one') }}\n",
    "models/people.sql": "{{ config(materialized='table', meta={'penstock': {'mask': ['email']}}) }}\n"
    "select id, v, 'p' || id || '@masked.example' as email from {{ source('raw', 't') }}\n",
    "models/seen.sql": "{{ config(materialized='view') }}\nselect id, v from {{ source('raw', 't') }}\n",
    "models/short.sql": "{{ config(materialized='ephemeral') }}\nselect 1 as id\n",
    "seeds/listed.csv": "id,v\n1,-1\n",
    "snapshots/kept.yml": """\
snapshots:
  - name: kept
    relation: source('raw', 't')
    config: {unique_key: id, strategy: check, check_cols: all}
""",
    "ingest/raw/taken.sql": "-- ---\n-- write: replace\n-- ---\nselect id, v from raw.t\n",
}
"""`two` reads `one`, which reads the source; the emails of `people` are masked; a view, an ephemeral model, a seed, a snapshot and an ingestion file stand beside."""


def check(select: str, query: str = "select * from this where v < 0", **header: object) -> str:
    """Return the text of a check file."""
    lines = [f"select: {select}", *(f"{key}: {value}" for key, value in header.items())]
    return "\n".join(["-- ---", *(f"-- {line}" for line in lines), "-- ---", query, ""])


@dataclass
class Checked(Clocked):
    """A clocked project with words for checks."""

    def checks(self, files: Mapping[str, str | None]) -> None:
        """Write or (None) remove check files, by name."""
        self.workspace.write({f"checks/{name}.sql": text for name, text in files.items()})

    def ask(self, *select: str, ok: bool = True, **wanted: object) -> dict[str, Outcome]:
        """Run `penstock check` and return how each test ended."""
        return ended(self.build(*select, ok=ok, command="check", force=True, builds=False, **wanted))

    def waive(self, name: str, until: datetime, reason: str = "known") -> list[str]:
        """Run `penstock check waive`."""
        self.now += timedelta(minutes=1)
        settings = discover(Place(), self.workspace.folder, self.workspace.environment())
        gateway = DbtGateway(settings, lambda _line: None)
        with at(self.now):
            return [str(key) for key in waive(settings, gateway, name, until, reason, self.now)]

    def values(self, name: str) -> list[object]:
        """Return what readers see of a relation."""
        return [row[0] for row in self.workspace.query(f"select v from {name} order by id")]

    def last_attempt(self, name: str) -> tuple[str, str]:
        """Return status and error of an asset's last attempt."""
        sql = "select status, error from penstock.attempt where split_part(asset, '.', -1) = ? order by token desc limit 1"
        (row,) = self.workspace.query(sql, [name])
        return row[0], row[1]

    def results(self, name: str) -> list[tuple[object, ...]]:
        """Return asset, partition, status, failures, total and when of a check's results, oldest first."""
        sql = """select asset, "partition", status, failures, total, "when" from penstock.check_result
            where split_part("check", '.', 2) = ? order by checked_at, asset"""
        return self.workspace.query(sql, [name])

    def samples(self, name: str) -> list[str]:
        """Return the failing rows on record of a check's last result."""
        sql = """select "row" from penstock.check_sample where split_part("check", '.', 2) = ?
            qualify run_id = max(run_id) over () order by position"""
        return [str(row[0]) for row in self.workspace.query(sql, [name])]


def ended(report: Report) -> dict[str, Outcome]:
    """Return the outcomes by the names of their assets, of a check on several `name@asset`."""
    found: dict[str, Outcome] = {}
    for one in report.outcomes:
        key = one.asset.name if one.asset.name not in found else one.asset.key
        found[key] = one
    return found


_BY_DAY = "{'day': {'every': 'day', 'start': '2024-01-01', 'column': 'day'}}"
PARTED = {
    **PLACE,
    "models/sources.yml": "sources: [{name: raw, tables: [{name: ev, config: {event_time: ts}}]}]\n",
    "models/events.sql": "{{ config(materialized='table', meta={'penstock': {'batch': 1, 'partitions': " + _BY_DAY + "}}) }}\n"
    "select ts::date as day, id, v from {{ ref('batched') }}\n",
    "models/batched.sql": BATCHES,
    "ingest/raw/taken.sql": "-- ---\n-- partitions: {day: {every: day, start: 2024-01-01}}\n-- write: partition\n-- ---\n"
    "select ts::date as day, id, v from raw.ev where ts::date = $day\n",
}
"""The same events by day in the three ways that Penstock writes partitions."""


def checked_in(folder: Path, files: Mapping[str, str], raw: str) -> Checked:
    """Return a project in a folder, built from these files over the rows that a statement brings."""
    place = Workspace(folder, folder / "warehouse.duckdb")
    place.write(dict(files))
    place.execute(raw)
    project = Checked(place, NOW)
    project.build()
    return project
