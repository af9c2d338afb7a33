"""Measure column lineage of 1,000 models with ten columns each, beside sqlglot's own `lineage()` on some of them."""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from generate import plan_models
from measure import median, run
from penstock.graph.column_graph import AssetLineage, AssetQuery, lineage_of_graph
from penstock.graph.column_readings import NodeQuery, changed_readings
from penstock.parser.column_lineage import column_lineage
from penstock.parser.query import parse_one
from penstock.state.column_lineage import columns_on_record, record_readings
from penstock.state.store import Statements, migrate
from penstock.warehouse.duckdb import DuckDBWarehouse
from report import aligned

COLUMNS = tuple(f"c{number}" for number in range(10))
SOURCES = 50
KNOWN = {f"raw_{number}": COLUMNS for number in range(SOURCES)}
HEAD = ("work", "CPU s", "goal s")
GOAL_MB = 400


@dataclass(frozen=True)
class Model:
    """A model's name, what it reads, and its compiled SQL."""

    name: str
    parents: tuple[str, ...]
    sql: str


def make_models(count: int) -> Iterator[Model]:
    """Yield models in order: common table expressions, joins, CASE, windows, a filter and a group, as projects have them."""
    draw = random.Random(2)
    for planned in plan_models(count):
        parents = planned.parents or (f"raw_{draw.randrange(SOURCES)}",)
        numbers = range(len(parents))
        ctes = [f"s{number} as (select * from {parent})" for number, parent in enumerate(parents)]
        made = ", ".join(f"{expression(draw, len(parents))} as {column}" for column in COLUMNS)
        joins = " ".join(f"left join s{number} on s0.c0 = s{number}.c0 and s0.c1 = s{number}.c1" for number in numbers[1:])
        sums = ", ".join(f"sum({column}) as {column}" for column in COLUMNS[2:])
        joined = f"joined as (select {made} from s0 {joins} where s0.c2 is not null)"
        final = f"final as (select c0, c1, {sums} from joined group by c0, c1)"
        yield Model(planned.name, parents, f"with {', '.join([*ctes, joined, final])} select * from final")


def expression(draw: random.Random, sources: int) -> str:
    """Return one of a project's usual expressions over two columns."""
    one, other = (f"s{draw.randrange(sources)}.{draw.choice(COLUMNS)}" for _ in range(2))
    return draw.choice([
        one, f"coalesce({one}, {other}, 0)", f"case when {one} > 10 and {other} is not null then {one} else {other} end",
        f"cast({one} as bigint) + {other}", f"row_number() over (partition by {one} order by {other})",
    ])  # fmt: skip


def read_all(models: Sequence[Model], cached: dict[str, AssetLineage] | None = None, changed: int = 0) -> dict[str, AssetLineage]:
    """Read the lineage of every model; the first `changed` ones of the last layer count as edited."""
    edited = {model.name for model in models[-changed:]} if changed else set()
    queries = (AssetQuery(model.name, model.sql, "2" if model.name in edited else "1") for model in models)
    return {found.key: found for found in lineage_of_graph(queries, lambda name: name.identifier, KNOWN, cached)}


def cpu_seconds(start: float) -> str:
    """Return the CPU seconds since a start."""
    return f"{time.process_time() - start:.2f}"


def rows(models: Sequence[Model], sample: int) -> Iterator[tuple[str, str, str]]:
    """Yield what each part of the work costs."""
    start = time.process_time()
    trees = [parse_one(model.sql, "duckdb") for model in models]
    yield "parse alone", cpu_seconds(start), "-"
    start = time.process_time()
    for tree in trees:
        column_lineage(tree, lambda name: COLUMNS if name.identifier else None)
    yield "follow alone", cpu_seconds(start), "-"
    start = time.process_time()
    found = read_all(models)
    yield f"all {len(models)} models, parsed and followed", cpu_seconds(start), "6"
    edges = sum(len(one.lineage.edges) for one in found.values())
    start = time.process_time()
    read_all(models, found)
    yield "nothing changed", cpu_seconds(start), "-"
    start = time.process_time()
    read_all(models, found, changed=10)
    yield "ten models changed", cpu_seconds(start), "0.3"
    yield from recorded_rows(models)
    yield f"sqlglot's lineage(), scaled from {sample} models", f"{sqlglot_seconds(models, sample):.1f}", "-"
    unknown = sum(bool(one.lineage.unknown) for one in found.values())
    yield f"({edges} edges, {unknown} models with something unknown)", "", ""


def recorded_rows(models: Sequence[Model]) -> Iterator[tuple[str, str, str]]:
    """Yield what a build pays: asking the state tables what is on record, reading what changed, recording it; and what readers pay."""
    sql = Statements(DuckDBWarehouse.in_memory().connect(), "penstock")
    migrate(sql)
    edges = [(parent, model.name) for model in models for parent in model.parents]
    sql.connection.execute(
        "insert into penstock.edge select '0', unnest($parents), unnest($children), 'data', false",
        dict(zip(("parents", "children"), map(list, zip(*edges, strict=True)), strict=True)),
    )
    for work, edited, goal in (("all", 0, "6"), ("nothing changed", 0, "-"), ("ten models changed", 10, "0.3")):
        start = time.process_time()
        record(sql, models, work, {model.name for model in models[-edited:]} if edited else set())
        yield f"recorded: {work}", cpu_seconds(start), goal
    asked = (
        ("column_lineage_closure, all of it", "column_lineage_closure"),
        ("column_readers of one column", "column_readers('raw_3', 'c4')"),
        ("column_origins of one column", f"column_origins('{models[-1].name}', 'c4')"),
    )
    for question, source in asked:
        start = time.process_time()
        ((found,),) = sql.connection.execute(f"select count(*) from penstock.{source}")
        yield f"{question}: {found:,} rows", cpu_seconds(start), "-"


def record(sql: Statements, models: Sequence[Model], run_id: str, edited: Collection[str]) -> None:
    """Do what a build does once everything has run."""
    known = {**KNOWN, **{model.name: COLUMNS for model in models}}
    nodes = [NodeQuery(model.name, "2" if model.name in edited else "1", partial(str, model.sql), model.parents) for model in models]
    found = list(changed_readings(nodes, lambda name: name.identifier, known, columns_on_record(sql)))
    record_readings(sql, run_id, found, (), run_id)


def sqlglot_seconds(models: Sequence[Model], sample: int) -> float:
    """Return the CPU seconds that sqlglot's own lineage would take for every column of every model."""
    from sqlglot.lineage import lineage

    chosen = models[:: max(1, len(models) // sample)]
    taken = []
    for model in chosen:
        schema = {parent: dict.fromkeys(COLUMNS, "bigint") for parent in model.parents}
        start = time.process_time()
        for column in COLUMNS:
            lineage(column, model.sql, schema=schema, dialect="duckdb")
        taken.append(time.process_time() - start)
    return statistics.mean(taken) * len(models)


def main() -> None:
    """Print what one cold process costs, and each part of the work within one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3, help="the median of N cold processes is shown")
    parser.add_argument("--sample", type=int, default=20, help="models that sqlglot's own lineage is measured on")
    parser.add_argument("--cold", action="store_true", help="read all once and print nothing")
    options = parser.parse_args()
    models = list(make_models(options.models))
    if options.cold:
        read_all(models)
        return
    command = (sys.executable, __file__, "--cold", "--models", str(options.models))
    cost = median([run(command, Path.cwd()) for _ in range(options.runs)])
    print(f"column lineage of {len(models)} models with {len(COLUMNS)} columns each; goals are set for 1,000\n")
    print(f"one cold process: {cost.wall:.2f} s, CPU {cost.cpu:.2f} s (goal 6), peak {cost.peak_mb:.0f} MB (goal {GOAL_MB})\n")
    print(aligned(HEAD, list(rows(models, options.sample))))


if __name__ == "__main__":
    main()
