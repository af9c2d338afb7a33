"""The dbt executor: one node in an open dbt session, with the commit protocol injected as the node's own hooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from penstock.assets.asset import Asset, Kind
from penstock.assets.code_version import code_version
from penstock.assets.partition_range import PartitionRange
from penstock.assets.records import InputVersion, PartitionRecord
from penstock.errors import CommitLost, PenstockError, ProjectError
from penstock.parser.query import QueryFacts
from penstock.runner.commit import Committed, Publication, hooks_sql, publish, record_attempt
from penstock.runner.context import RunContext
from penstock.runner.outcomes import Outcome, Status

if TYPE_CHECKING:
    from penstock.dbt.nodes import Batch, NodeResult, NodeRunner

EXECUTOR = "dbt"

HOOKED = frozenset({"view", "table", "incremental", "seed", "snapshot"})
"""Materializations whose hooks run inside their own transaction; anything else is recorded after it, not atomically."""


def is_atomic(context: RunContext, asset: Asset) -> bool:
    """Whether dbt runs the node so that data and record commit together."""
    overridden = any("materialization_" in reason for reason in asset.obstacles)
    return context.transactions and asset.materialized in HOOKED and asset.language == "sql" and not overridden


def run_through_dbt(context: RunContext, nodes: NodeRunner, number: int) -> Outcome:
    """Run any executable node through dbt."""
    asset = context.graph.assets[number]
    if asset.is_test:
        return _run_test(context, nodes, number)
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
    record = context.facts.record(number)
    anew = record is not None and asset.on_code_change == "full_refresh" and not context.facts.same_code(number)
    result = _attempt(context, nodes, what, asset, anew=anew)
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


def _attempt(context: RunContext, nodes: NodeRunner, what: Publication, asset: Asset, *, anew: bool) -> NodeResult:
    from penstock.dbt.session import HookSql

    if not is_atomic(context, asset):
        return nodes.run(asset.key, full_refresh=anew)
    schema = context.statements().schema
    return nodes.run(asset.key, HookSql(*hooks_sql(schema, what, what.started_at)), full_refresh=anew)


def _acknowledge(context: RunContext, what: Publication, *, atomic: bool) -> Committed:
    """Believe only what the table says; where dbt's hooks cannot carry the record, write it now."""
    sql = context.statements()
    if not atomic:
        return publish(sql, what, lambda: None, context.clock)
    done = what.read_back(sql)
    record_attempt(sql, what, "success", "", context.clock())
    return done


def _failed(context: RunContext, number: int, what: Publication, message: str, started: datetime) -> Outcome:
    context.record_failure(what, message)
    return context.outcome(number, context.failure, EXECUTOR, message, started)


def batch_of(part: PartitionRange) -> Batch:
    """Return the batch of dbt that one partition is. Raises ProjectError for one without bounds."""
    from penstock.dbt.nodes import Batch

    if part.start is None or part.end is None or part.time is None:
        raise ProjectError(f"{part} is no batch: it has no bounds")
    return Batch(part.first_key, part.start, part.end)


def run_batch(
    context: RunContext, nodes: NodeRunner, number: int, place: tuple[Sequence[Batch], int], inputs: Sequence[InputVersion], *, anew: bool
) -> tuple[PartitionRecord | None, str]:
    """Run one batch of a microbatch model through dbt; `place` are all batches of the run and which of them it is.

    Return its record, or None and what went wrong.
    """
    from penstock.dbt.session import HookSql

    asset, sql = context.graph.assets[number], context.statements()
    batches, position = place
    batch = batches[position]
    shared = context.partition_publication(number, _query_facts(context, asset), context.clock())
    token = context.tokens[asset.key, batch.partition]
    what = replace(shared, executor=EXECUTOR, token=token, partition=batch.partition, inputs=tuple(inputs))
    what = what.for_partition(batch.start, batch.end, str(asset.config.get("event_time") or "").strip('"'), recreates=anew)
    result = nodes.run_batch(
        asset.key, batches, position, incremental=not anew, hooks=HookSql(*hooks_sql(sql.schema, what, what.started_at))
    )
    if result.status != "success":
        context.record_failure(what, result.message)
        return None, result.message
    try:
        done = _acknowledge(context, what, atomic=True)
    except CommitLost as error:
        context.record_failure(what, str(error))
        return None, str(error)
    return PartitionRecord(what.run_id, token, what.code_version, done.version, done.rows or 0, what.started_at, what.fingerprint, None), ""
