"""Measure what metrics cost: builds of small tables and of a big one, each level of metrics in turn, as ratios to `metrics: off`."""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
from penstock.assets.metrics import Level, Metrics
from penstock.assets.names import quote
from penstock.runner.commit import Publication, publish
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse
from report import aligned

NOW = datetime(2024, 1, 1)  # noqa: DTZ001 (the state tables hold UTC without a zone)
GOAL = 1.10
HEAD = ("work", "metrics", "ms", "ratio", "goal")
COLUMNS = """
    range as id, 'name ' || range % 100000 as name, range * 0.37 as price, date '2020-01-01' + (range % 1000)::int as day,
    (range % 1000)::decimal(18, 2) as amount, range * 7919 % 1000003 as other, timestamp '2024-01-01' + to_seconds(range) as at,
    if(range % 10 = 0, null, range % 5) as status
"""


@dataclass(frozen=True)
class Work:
    """A table to build: its name and its query, and how often it is built with each level."""

    name: str
    query: str
    rounds: int


def works(models: int, rows: int) -> list[Work]:
    """Return the small tables, made from nothing, and the big ones: a copy, and one that is grouped."""
    return [
        Work(f"{models} tables of 1,000 rows", f"select {COLUMNS} from range(1000)", models),
        Work(f"a copy of {rows:,} rows", "select * from big", 5),
        Work(f"{rows:,} rows with a window", "select *, sum(amount) over (partition by other % 1000 order by id) as total from big", 3),
    ]


def timed(sql: Statements, work: Work, clock: Callable[[], float]) -> dict[Level, float]:
    """Return the median time of a build with each level, in milliseconds; levels take turns."""
    found: dict[Level, list[float]] = {level: [] for level in Level}
    for number in range(work.rounds):
        for level in Level:
            name = f"{level.value}_{number}"
            token = StateWriter(sql).claim("r", [(name, "")], NOW)[name, ""]
            what = Publication("r", name, token, quote(name), name, "table", "c", "native", (), NOW, metrics=Metrics(level))
            started = clock()
            publish(sql, what, partial(_create, sql, what.relation, work.query), lambda: NOW)
            found[level].append((clock() - started) * 1000)
            if work.rounds < 10:
                sql.connection.execute(f"drop table {what.relation}")
    return {level: statistics.median(times) for level, times in found.items()}


def _create(sql: Statements, relation: str, query: str) -> None:
    sql.connection.execute(f"create or replace table {relation} as ({query})")


def main() -> int:
    """Print a table and return 1 where the default costs more than its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--wall", action="store_true", help="measure wall time, not CPU time")
    options = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    dearest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(duckdb.connect(str(Path(folder) / "bench.duckdb")), {})
        sql = Statements(warehouse.connect(), "penstock")
        migrate(sql)
        sql.connection.execute(f"create table big as select {COLUMNS} from range({options.rows})")
        for work in works(options.models, options.rows):
            found = timed(sql, work, time.perf_counter if options.wall else time.process_time)
            for level, spent in found.items():
                ratio = spent / found[Level.OFF]
                dearest = max(dearest, ratio if level is Level.LIGHT else 0)
                rows.append((work.name, level.value, f"{spent:.1f}", f"{ratio:.2f}", f"{GOAL:.2f}" if level is Level.LIGHT else ""))
        warehouse.close()
    sys.stdout.write(aligned(HEAD, rows) + "\n")
    return int(dearest > GOAL)


if __name__ == "__main__":
    sys.exit(main())
