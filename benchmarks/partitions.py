"""Compare a year of daily batches: `dbt run` of microbatch models, `penstock run`, and that with one batch a query."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from measure import Cost, run
from report import GOAL_HEAD, Row, Verdict, aligned

BIN = Path(sys.executable).parent
DATA = Path(__file__).with_name("partition_data.py")
DATABASE = "events.duckdb"

PROJECT = """\
name: events
version: '1.0'
profile: events
model-paths: [models]
flags: {send_anonymous_usage_stats: false}
models: {+materialized: incremental, +incremental_strategy: microbatch, +batch_size: day, +begin: 'BEGIN', +meta: META}
"""
PROFILES = """\
events: {target: dev, outputs: {dev: {type: duckdb, path: events.duckdb, threads: 1}}}
"""
SOURCES = """\
version: 2
sources:
  - {name: raw, schema: raw, tables: [{name: events, config: {event_time: event_time}}]}
"""
TOTALS = """\
select date_trunc('day', event_time) as day, kind, count(*) as events, sum(amount) as amount
from {{ source('raw', 'events') }}
group by all"""
QUERIES = {
    "copied": ("event_time", "select event_id, event_time, kind, amount from {{ source('raw', 'events') }}"),
    "totals": ("day", TOTALS),
}
"""Each model's event time and query: rows passed on, and sums by day."""


class Step(StrEnum):
    """What is measured, named as the table shows it."""

    DBT = "dbt run"
    COALESCED = "penstock run"
    FORCED = "penstock run, one batch a query"


GOALS = {Step.COALESCED: 0.1, Step.FORCED: 0.3}
"""Seconds as a share of dbt's."""


@dataclass(frozen=True)
class Measured:
    """One command on a fresh database: what the process cost, the seconds of each model, what it left, and by how many commits.

    `parse` is what reading the project cost before, with the same tool: a run of every day finds that done.
    """

    parse: Cost
    cost: Cost
    seconds: Mapping[str, float]
    contents: Mapping[str, object]
    queries: Mapping[str, int]


def make_project(folder: Path, begin: str, *, forced: bool) -> None:
    """Write the project; `forced`: one batch a query."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT.replace("BEGIN", begin).replace("META", "{penstock: {batch: 1}}" if forced else "{}"))
    (folder / "profiles.yml").write_text(PROFILES)
    (folder / "models" / "sources.yml").write_text(SOURCES)
    for name, (event_time, query) in QUERIES.items():
        (folder / "models" / f"{name}.sql").write_text(f"{{{{ config(event_time='{event_time}') }}}}\n{query}\n")


def measure(folder: Path, step: Step, days: int, rows: int) -> Measured:
    """Run one command in a new project on a new database."""
    begin = f"{datetime.now(UTC).date() - timedelta(days=days - 1)}"
    make_project(folder, begin, forced=step is Step.FORCED)
    subprocess.run((sys.executable, str(DATA), "fill", str(folder / DATABASE), begin, str(days), str(rows)), check=True)
    tool, reads = ("dbt", "compile") if step is Step.DBT else ("penstock", "plan")
    place = ("--project-dir", str(folder), "--profiles-dir", str(folder))
    parse, cost = (run((str(BIN / tool), command, *place), folder) for command in (reads, "run"))
    found = subprocess.run((sys.executable, str(DATA), "left", str(folder / DATABASE)), check=True, capture_output=True, text=True)
    left = json.loads(found.stdout)
    contents = {name: left[name] for name in QUERIES}
    if step is Step.DBT:
        results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
        seconds = {one["unique_id"].split(".")[-1]: one["execution_time"] for one in results}
        return Measured(parse, cost, seconds, contents, dict.fromkeys(QUERIES, days))
    return Measured(parse, cost, left["seconds"], contents, left["queries"])


def cost_rows(found: Mapping[Step, Measured]) -> Iterator[Row]:
    """Yield a row for each command: the whole process, and the one before it that read the project."""
    for step, one in found.items():
        share = f"{one.cost.wall / found[Step.DBT].cost.wall:.3f}"
        yield (step, f"{one.parse.wall:.2f}", f"{one.cost.wall:.2f}", f"{one.cost.cpu:.2f}", f"{one.cost.peak_mb:.0f}", share)


def model_rows(found: Mapping[Step, Measured], days: int) -> Iterator[Row]:
    """Yield a row for each model and command: the time between start and end of the model alone."""
    for name in QUERIES:
        for step, one in found.items():
            seconds = one.seconds[name]
            share = f"{seconds / found[Step.DBT].seconds[name]:.3f}"
            yield (f"{name}: {step}", str(one.queries[name]), f"{seconds:.2f}", f"{seconds / days * 1000:.1f}", share)


def verdicts(found: Mapping[Step, Measured]) -> Iterator[Verdict]:
    """Compare with the goals: the whole command once the project is parsed, and all models together by themselves."""
    dbt = found[Step.DBT]
    for step, goal in GOALS.items():
        whole = found[step].cost.wall / dbt.cost.wall
        models = sum(found[step].seconds.values()) / sum(dbt.seconds.values())
        yield Verdict(f"{step}: wall <= {goal} x dbt run", f"{whole:.3f} x", whole <= goal)
        yield Verdict(f"{step}: models <= {goal} x dbt's", f"{models:.3f} x", models <= goal)


def main() -> int:
    """Run the benchmark; 1 if the tools left different rows. Timings never decide."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rows", type=int, default=365_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        for step in Step:  # a tiny round first: else byte code and file caches are charged to the first tool
            measure(Path(name, "warm-up", step.name), step, 2, 10)
        found = {step: measure(Path(name, step.name), step, options.days, options.rows) for step in Step}
    print(f"{options.days} daily batches of {len(QUERIES)} microbatch models over {options.rows:,} events, one after the other\n")
    print(aligned(("whole command", "parse s", "wall s", "CPU s", "peak MB", "x dbt"), list(cost_rows(found))), end="\n\n")
    print(aligned(("model", "commits", "s", "ms a batch", "x dbt"), list(model_rows(found, options.days))), end="\n\n")
    print(aligned(GOAL_HEAD, [verdict.cells() for verdict in verdicts(found)]))
    different = [step for step, one in found.items() if one.contents != found[Step.DBT].contents]
    for step in different:
        print(f"\nFAILED: {step} left other rows than dbt: {found[step].contents}, {found[Step.DBT].contents}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
