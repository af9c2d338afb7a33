"""The process that gets killed: one build of the small project through Penstock's own planner, loop and commit protocol.

It prints one line for each acknowledged result: `ack`, asset, partition, token, rows; tabs between. `--arm control` is the
protocol done wrong: the record in a second transaction after the data's.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from penstock.app.gather import gather
from penstock.app.partitions import record_gaps
from penstock.app.recording import _decision_rows as decisions_of
from penstock.app.runs import new_run_id, utc_now
from penstock.assets.asset import Asset, Column, EdgeKind, IngestSpec, Kind, SourceSpec, TestSpec
from penstock.assets.fingerprint import fingerprint
from penstock.assets.names import RelationName
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.gates import contract, order_of, run_order
from penstock.parser.project_file import Evidence
from penstock.parser.query import QueryFacts, read_query
from penstock.plan.facts import Facts
from penstock.plan.planner import Plan, PlanRow, make_plan
from penstock.plan.reasons import Decision
from penstock.plan.schedule import Schedule
from penstock.runner import native, partition_publish
from penstock.runner.audit import audits_of
from penstock.runner.commit import Publication, Published, publish
from penstock.runner.context import RunContext
from penstock.runner.deciding import Deciding
from penstock.runner.execute import Loop
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.partition_commit import PartitionPublication
from penstock.state.content import record_projections
from penstock.state.store import Statements, migrate
from penstock.state.writer import DecisionRow, RunEndRow, RunRow, StateWriter
from penstock.warehouse import failpoints
from penstock.warehouse.duckdb import DuckDBWarehouse, open_duckdb
from penstock.warehouse.failpoints import failpoint
from penstock.warehouse.lock import DatabaseLock, Holder

from tests.kill import project
from tests.kill.processes import Tracer

Publish = Callable[[Statements, Published[Any], Callable[[], None], Callable[[], datetime]], Any]


def publish_in_two(sql: Statements, what: Published[Any], write: Callable[[], None], clock: Callable[[], datetime]) -> Any:
    """The control arm: data first, and the record after it in a transaction of its own."""
    sql.connection.begin()
    what.fence(sql, clock())
    failpoint("write.before")
    write()
    failpoint("write.after")
    sql.connection.commit()
    failpoint("between.after")
    sql.connection.begin()
    what.record(sql, clock())
    failpoint("commit.before")
    sql.connection.commit()
    failpoint("commit.after")
    return what.read_back(sql)


ARMS: dict[str, Publish] = {"protocol": publish, "control": publish_in_two}


def acknowledging(publish_one: Publish) -> Publish:
    """Return the same, telling the world of every result as soon as it is there."""

    def published(sql: Statements, what: Published[Any], write: Callable[[], None], clock: Callable[[], datetime]) -> Any:
        done = publish_one(sql, what, write, clock)
        if isinstance(what, PartitionPublication):
            for key, record in done.items():
                acknowledge(what.what.asset, key, record.token, record.rows)
        elif isinstance(what, Publication):
            acknowledge(what.asset, "", what.token, done.rows)
        return done

    return published


class HandmadeQueries:
    """Stands where dbt's compiler does; `home` is the name of the database, `test` the query of the one test."""

    def __init__(self, home: str, test: str) -> None:
        self.home = home
        self.test = test

    def has(self, asset: Asset) -> bool:
        """Every query is there."""
        return True

    def get(self, asset: Asset) -> tuple[str, QueryFacts]:
        """Return the query and what it reads."""
        sql = self.test if asset.is_test else project.BY_KEY[asset.key].sql_in(self.home)
        return sql, read_query(sql, "duckdb")

    def learned(self, asset: Asset, sql: str) -> QueryFacts:
        """Nothing here is compiled while it runs."""
        raise NotImplementedError


class Silent:
    """A sink that says nothing: the acknowledgements do."""

    def started(self, number: int, total: int, asset: Asset, executor: str) -> None:
        """Say nothing."""

    def finished(self, number: int, total: int, outcome: Outcome) -> None:
        """Say nothing."""


def make_graph(home: str, number: int, test: str = project.TEST[2]) -> AssetGraph:
    """Return the project as assets; owners and columns differ from round to round, code versions do not. `test` is the test's query."""
    assets = [
        Asset(
            f"source.kill.{name}",
            Kind.SOURCE,
            name,
            relation=RelationName(home, "src", name),
            source=SourceSpec("kill"),
            config={"event_time": "day"} if name == "events" else {},
        )
        for name in project.SOURCES
    ]
    edges = [(parent, node.key, EdgeKind.DATA) for node in project.NODES for parent in node.parents]
    assets += [_asset(node, number) for node in project.NODES]
    key, parent, _ = project.TEST
    assets.append(
        Asset(
            key,
            Kind.TEST,
            key.split(".")[-1],
            materialized="test",
            test=TestSpec(attached_node=parent),
            fingerprint=fingerprint({"sql": test}),
        )
    )
    return AssetGraph(assets, [*edges, (parent, key, EdgeKind.TEST)])


BY_DAY = {"day": {"every": "day", "start": f"{project.FIRST_DAY:%Y-%m-%d}", "column": "day"}}
CONFIGS: dict[str, dict[str, Any]] = {
    "batches": {
        "incremental_strategy": "microbatch", "event_time": "day", "batch_size": "day", "begin": f"{project.FIRST_DAY:%Y-%m-%d}",
        "meta": {"penstock": {"batch": 2}},
    },
    "slices": {"meta": {"penstock": {"partitions": BY_DAY, "batch": 1}}},
}  # fmt: skip
"""Days are written in every way there is: two a query, and each by itself."""

MATERIALIZED = {"batches": "incremental", "slices": "table", "files": "partition"}


def _asset(node: project.Node, number: int) -> Asset:
    materialized, ingest = MATERIALIZED.get(node.how, node.how), None
    if node.key.startswith("ingest."):
        ingest = IngestSpec(f"{node.name}.sql", node.sql, materialized, partitions=BY_DAY if node.by_day else {})
    return Asset(
        node.key,
        Kind.INGEST if ingest else Kind.MODEL,
        node.name,
        relation=RelationName("", "out", node.name),
        materialized=materialized,
        fingerprint=fingerprint({"sql": node.sql}),
        owner=f"owner {number}",
        config=CONFIGS.get(node.how, {}),
        columns=(Column("id", description=f"round {number}"),),
        ingest=ingest,
    )


class Build:
    """One build, step by step as `penstock.app.build` does it, without dbt and settings."""

    def __init__(self, warehouse: DuckDBWarehouse, folder: Path, facts: Facts, plan: Plan, number: int, refuse: str) -> None:
        self.plan = plan
        self.number = number
        self.started = utc_now()
        self.context = RunContext(
            run_id=new_run_id(self.started), facts=facts, warehouse=warehouse, schema=project.STATE,
            queries=HandmadeQueries(facts.database, _test(refuse)),
            clock=utc_now, project_folder=folder, working_folder=folder, existing=dict(facts.standing),
        )  # fmt: skip
        self.writer = StateWriter(self.context.statements())
        self.maybe = {row.id: row for row in plan.with_decision(Decision.MAYBE)}
        self.due = sorted({row.id for row in plan.with_decision(Decision.BUILD)} | self.maybe.keys())
        if refuse != "after":
            self.context.audits.plan(audits_of(facts.graph, self.due, lambda _asset: True, facts.specs))
        self.deciding = Deciding(self.context, self.maybe, partial(native.run_native, self.context), lambda _number: True, _no_dbt)

    def run(self) -> list[Outcome]:
        """Record the start, claim, run what is due, record the end."""
        run_id, graph = self.context.run_id, self.context.graph
        run = RunRow(run_id, self.started, "build", "kill", f"round {self.number}", "", "", "", 3)
        facts = self.context.facts
        planned = _decision_rows(self.plan.rows)
        self.writer.start_run(run, planned, list(facts.observed.values()))
        record_projections(self.context.statements(), run_id, {
            projection: found for projection, found in facts.projections.items() if projection not in facts.state.projections
        })  # fmt: skip
        self.writer.record_graph(run_id, graph, f"round {self.number}")
        self.context.statements().connection.execute("create schema if not exists out")
        assets = [graph.assets[number] for number in self.due]
        slices = [(asset.key, "") for asset in assets if asset.builds_relation and asset.key not in facts.specs]
        self.context.hold(self.writer.claim(run_id, slices, utc_now()))
        outcomes = self._loop().run()
        unused = [(outcome.asset.key, "") for outcome in outcomes if outcome.status in (Status.SKIPPED, Status.REUSED)]
        self.writer.release(run_id, unused)
        known = {(row.asset, row.partition) for row in planned if row.partition}
        self.writer.decisions(run_id, [row for row in _decision_rows(self.deciding.decided) if (row.asset, row.partition) not in known])
        record_gaps(self.writer, self.context)
        failed = sum(outcome.status.holds_back for outcome in outcomes)
        status = "failed" if failed else "success"
        self.writer.end_run(RunEndRow(run_id, utc_now(), status, len(outcomes) - failed, self.plan.count(Decision.REUSE), failed, 0))
        self.context.close()
        return outcomes

    def _loop(self) -> Loop:
        waits = run_order(self.context.graph)
        schedule = Schedule(contract(waits, set(self.due), order_of(waits)))
        return Loop(self.context, schedule, self.deciding, lambda asset: "native", Silent(), len(self.due), threads=3)


def _test(refuse: str) -> str:
    return project.REFUSING if refuse else project.TEST[2]


def _no_dbt() -> Any:
    raise NotImplementedError("nothing here runs through dbt")


def _decision_rows(rows: Sequence[PlanRow]) -> list[DecisionRow]:
    return [decision for row in rows for decision in decisions_of(row)]


def acknowledge(asset: str, partition: str, token: int, rows: int | None) -> None:
    """Tell the world that a result is there; one write, so that lines of several threads do not mix."""
    os.write(1, f"ack\t{asset}\t{partition}\t{token}\t{'' if rows is None else rows}\n".encode())


def build(database: Path, number: int, publish_one: Publish, only: str = "", refuse: str = "") -> list[Outcome]:
    """Open the database, bring the store and the sources up to date, and build what is due; `refuse` is when the test fails, if it does."""
    for module in (native, partition_publish):
        module.publish = acknowledging(publish_one)  # the control arm goes where the protocol is
    project.write_files(database.parent)
    with ExitStack() as stack:
        lock = DatabaseLock(database)
        lock.acquire(Holder("kill worker", os.getpid(), "now"), 0)
        stack.callback(lock.release)
        warehouse = open_duckdb(database, {})
        stack.callback(warehouse.close)
        sql = Statements(warehouse.connect(), project.STATE)
        migrate(sql)
        sql.connection.begin()
        for statement in project.load_sql(number):
            sql.connection.execute(statement)
        sql.connection.commit()
        graph = make_graph(database.stem, number, _test(refuse))
        selected = [graph.ids[only]] if only else range(len(graph))
        facts = gather(
            graph, selected, warehouse, sql, database=database.stem, project_folder=database.parent, evidence=Evidence(), now=project.NOW
        )
        return Build(warehouse, database.parent, facts, make_plan(facts), number, refuse).run()


def main(arguments: Sequence[str]) -> int:
    """Run one build and return 0 where everything went well."""
    parser = argparse.ArgumentParser()
    parser.add_argument("database", type=Path)
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--arm", choices=sorted(ARMS), default="protocol")
    parser.add_argument("--only", default="", help="the one asset to build, instead of all")
    parser.add_argument("--refuse", choices=["before", "after"], default="", help="let the test fail, before or after publishing")
    parser.add_argument("--trace", action="store_true", help="print how often each fail point is passed")
    options = parser.parse_args(arguments)
    tracer = Tracer()
    if options.trace:
        failpoints._armed = tracer  # type: ignore[assignment]  # noqa: SLF001 (a third kind of action, for this test only)
    outcomes = build(options.database, options.round, ARMS[options.arm], options.only, options.refuse)
    for name, count in sorted(tracer.passed.items()):
        os.write(1, f"hit\t{name}\t{count}\n".encode())
    bad = [f"{outcome.asset.key}: {outcome.status}: {outcome.message}" for outcome in outcomes if outcome.status.holds_back]
    sys.stderr.writelines(f"{line}\n" for line in bad)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
