"""The dbt executor: one node in an open dbt session, with the commit protocol injected as the node's own hooks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from penstock.assets.asset import Asset, Kind
from penstock.assets.code_version import code_version
from penstock.errors import CommitLost, PenstockError
from penstock.parser.query import QueryFacts
from penstock.runner.commit import Committed, Publication, hooks_sql, publish, read_back, record_attempt
from penstock.runner.context import RunContext
from penstock.runner.outcomes import Outcome, Status
from penstock.state.writer import StateWriter

if TYPE_CHECKING:
    from penstock.dbt.nodes import Batch, NodeResult, NodeRunner

EXECUTOR = "dbt"

HOOKED = frozenset({"view", "table", "incremental", "seed", "snapshot"})
"""Materializations whose hooks run inside their own transaction; anything else is recorded after it, not atomically."""


def is_microbatch(asset: Asset) -> bool:
    """Whether dbt runs the model batch by batch."""
    return asset.materialized == "incremental" and asset.config.get("incremental_strategy") == "microbatch"


def is_atomic(context: RunContext, asset: Asset) -> bool:
    """Whether dbt runs the node so that data and record commit together."""
    overridden = any("materialization_" in reason for reason in asset.obstacles)
    return context.transactions and asset.materialized in HOOKED and asset.language == "sql" and not overridden


def run_through_dbt(context: RunContext, nodes: NodeRunner, number: int) -> Outcome:
    """Run any executable node through dbt."""
    asset = context.graph.assets[number]
    if asset.is_test:
        return _run_test(context, nodes, number)
    if is_microbatch(asset):
        return _run_batches(context, nodes, number)
    return _run_node(context, nodes, number)


def _run_test(context: RunContext, nodes: NodeRunner, number: int) -> Outcome:
    asset = context.graph.assets[number]
    started = context.clock()
    inputs_version = context.versions.digest(number)
    result = nodes.run(asset.key)
    volatile, canonical = "", ""
    if asset.kind is Kind.TEST and result.compiled:
        facts = context.queries.learned(asset, result.compiled)
        volatile, canonical = context.test_volatility(number, facts), facts.canonical
    status = Status(result.status) if result.status in set(Status) else Status.ERROR
    return context.outcome(
        number, status, EXECUTOR, result.message, started, failures=result.failures or 0,
        inputs_version=inputs_version, volatile=volatile, code_version=code_version(asset, canonical),
    )  # fmt: skip


def _relation_type(asset: Asset) -> str:
    if asset.kind is Kind.FUNCTION:
        return "function"
    return "view" if asset.materialized == "view" else "table"


def _query_facts(context: RunContext, asset: Asset) -> QueryFacts:
    """Find out what a node reads before it runs; a seed reads nothing, Python and functions are opaque."""
    if asset.kind is Kind.SEED:
        return QueryFacts()
    if asset.language != "sql":
        return QueryFacts(unknown=(f"{asset.language} code",))
    if asset.kind is Kind.FUNCTION:
        return QueryFacts()
    return context.queries.get(asset)[1]


def _run_node(context: RunContext, nodes: NodeRunner, number: int) -> Outcome:
    asset = context.graph.assets[number]
    started = context.clock()
    what = context.publication(
        number, executor=EXECUTOR, relation_type=_relation_type(asset), query=_query_facts(context, asset), started_at=started
    )
    result = _attempt(context, nodes, what, asset)
    if result.status == "success":
        try:
            done = _acknowledge(context, what, atomic=is_atomic(context, asset))
        except PenstockError as error:
            return _failed(context, number, what, str(error), started)
        context.committed(what, done)
        message = f"SELECT {done.rows}" if done.rows is not None and asset.kind is not Kind.SEED else result.message or "OK"
        return context.outcome(
            number, Status.SUCCESS, EXECUTOR, message, started, rows=done.rows, volatile=what.volatile, undeclared=what.undeclared
        )
    return _failed(context, number, what, result.message, started)


def _attempt(context: RunContext, nodes: NodeRunner, what: Publication, asset: Asset) -> NodeResult:
    from penstock.dbt.session import HookSql

    if not is_atomic(context, asset):
        return nodes.run(asset.key)
    schema = context.statements().schema
    return nodes.run(asset.key, HookSql(*hooks_sql(schema, what, what.started_at)))


def _acknowledge(context: RunContext, what: Publication, *, atomic: bool) -> Committed:
    """Believe only what the table says; where dbt's hooks cannot carry the record, write it now."""
    sql = context.statements()
    if not atomic:
        return publish(sql, what, lambda: None, context.clock)
    done = read_back(sql, what)
    record_attempt(sql, what, "success", "", context.clock())
    return done


def _failed(context: RunContext, number: int, what: Publication, message: str, started: datetime) -> Outcome:
    context.record_failure(what, message)
    return context.outcome(number, context.failure, EXECUTOR, message, started)


def _run_batches(context: RunContext, nodes: NodeRunner, number: int) -> Outcome:
    """Run a microbatch model one batch at a time: each batch is a partition with a record of its own."""
    asset = context.graph.assets[number]
    started = context.clock()
    unfinished = () if context.facts.full_refresh else context.facts.state.failed_partitions.get(asset.key, ())
    batches = nodes.batches(asset.key, started, unfinished)
    slices = [(asset.key, batch.partition) for batch in batches]
    context.hold(StateWriter(context.statements()).claim(context.run_id, slices, started))
    incremental = nodes.stands_incrementally(asset.key)
    problems: list[str] = []
    total = 0
    volatile = ""
    for position, batch in enumerate(batches):
        if context.stopping.is_set() or (problems and not incremental):
            problems.append(f"batch {batch.partition}: not started")
            break
        what = _batch_publication(context, number, batch)
        error, rows = _run_one_batch(context, nodes, asset, batches, position, what, incremental)
        if error:
            problems.append(f"batch {batch.partition}: {error}")
        else:
            incremental = True
            total += rows or 0
            volatile = what.volatile
    if problems:
        return context.outcome(number, context.failure, EXECUTOR, "\n".join(problems), started)
    return context.outcome(number, Status.SUCCESS, EXECUTOR, f"{len(batches)} batches", started, rows=total, volatile=volatile)


def _batch_publication(context: RunContext, number: int, batch: Batch) -> Publication:
    asset = context.graph.assets[number]
    facts = _query_facts(context, asset)
    what = context.publication(
        number, executor=EXECUTOR, relation_type="table", query=facts, started_at=context.clock(), partition=batch.partition
    )
    return what.for_partition(batch.start, batch.end, str(asset.config.get("event_time") or ""))


def _run_one_batch(
    context: RunContext, nodes: NodeRunner, asset: Asset, batches: list[Batch], position: int, what: Publication, incremental: bool
) -> tuple[str, int | None]:
    from penstock.dbt.session import HookSql

    sql = context.statements()
    hooks = HookSql(*hooks_sql(sql.schema, what, what.started_at))
    result = nodes.run_batch(asset.key, batches, position, incremental=incremental, hooks=hooks)
    if result.status == "success":
        try:
            done = _acknowledge(context, what, atomic=True)
        except CommitLost as error:
            result_message = str(error)
        else:
            context.committed(what, done)
            return "", done.rows
    else:
        result_message = result.message
    context.record_failure(what, result_message)
    return result_message, None
