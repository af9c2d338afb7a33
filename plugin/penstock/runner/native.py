"""The native executor: the compiled query in the commit protocol, without dbt's macros around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from penstock.assets.asset import Column, IngestSpec
from penstock.assets.contract import agreed_columns
from penstock.compiler.agreed import broken_contract, columns_query, in_agreed_order, require_values
from penstock.compiler.materialize import NATIVE, RELATION_TYPES
from penstock.errors import PenstockError, WarehouseError
from penstock.parser.loading import first_word
from penstock.runner.commit import Committed, Publication, publish
from penstock.runner.context import RunContext
from penstock.runner.failures import text_of
from penstock.runner.ingest import load_of
from penstock.runner.outcomes import Outcome, Status
from penstock.state.store import Statements

EXECUTOR = "native"


def run_native(context: RunContext, number: int) -> Outcome:
    """Run a view, a table, an ingestion file, a data test or a check."""
    asset = context.graph.assets[number]
    if asset.is_test:
        return context.shared_scans.outcome(number)
    return _run_relation(context, number) if asset.ingest is None else _run_ingest(context, number, asset.ingest)


def _run_relation(context: RunContext, number: int) -> Outcome:
    asset = context.graph.assets[number]
    started = context.clock()
    query, facts = context.queries.get(asset)
    if asset.relation is None:
        raise WarehouseError(f"{asset.key} has no relation")
    relation_type = RELATION_TYPES[asset.materialized]
    what = context.publication(number, executor=EXECUTOR, relation_type=relation_type, query=facts, started_at=started)
    agreed = agreed_columns(asset)
    made = agreed if relation_type == "table" else ()  # a view has neither an order nor constraints of its own
    steps = NATIVE[asset.materialized](asset.relation, in_agreed_order(query, made), context.existing_type(asset.relation))
    steps += require_values(asset.relation, made)
    sql = context.statements()

    def write() -> None:
        if agreed:
            _keep_contract(sql, query, agreed)
        for step in steps:
            sql.connection.execute(step)

    try:
        done = publish(sql, what, write, context.clock)
    except WarehouseError as error:
        return _failed(context, number, what, str(error))
    return _succeeded(context, number, what, done)


def _keep_contract(sql: Statements, query: str, agreed: Sequence[Column]) -> None:
    """Compare what a query gives with the contract. Raises WarehouseError, naming each column, where it does not match."""
    columns = sql.connection.execute(columns_query(query, agreed))
    broken = broken_contract(*([(name, kind) for ours, name, kind in columns if ours is side] for side in (False, True)))
    if broken:
        raise WarehouseError(broken, hint="Change the query, or the model's `columns`.")


def _run_ingest(context: RunContext, number: int, ingest: IngestSpec) -> Outcome:
    started = context.clock()
    sql = context.statements(ingest=True)
    load = load_of(context, sql, number)
    what = context.publication(number, executor=EXECUTOR, relation_type="table", query=load.facts, started_at=started)
    try:
        what = replace(what, high_water=load.read())  # only now: the versions of what it reads were looked at before
        done = publish(sql, what, load.write, context.clock)
    except PenstockError as error:
        return _failed(context, number, what, _in_file(text_of(error), ingest))
    finally:
        load.close()
    return _succeeded(context, number, what, done)


def _failed(context: RunContext, number: int, what: Publication, message: str) -> Outcome:
    context.record_failure(what, message)
    return context.outcome(number, context.failure, EXECUTOR, message, what.started_at)


def _succeeded(context: RunContext, number: int, what: Publication, done: Committed) -> Outcome:
    context.committed(what, done)
    message = f"SELECT {done.rows}" if done.rows is not None else "OK"
    return context.outcome(
        number, Status.SUCCESS, EXECUTOR, message, what.started_at, rows=done.rows, volatile=what.volatile, undeclared=what.undeclared
    )


def _in_file(message: str, ingest: IngestSpec) -> str:
    """Let the engine's `LINE n` of an ingestion file mean the file: there is one line before a query, and none before a statement.

    A statement is run from its first word on: with comments before it, the engine takes one line for another.
    """
    start = ingest.first_line - 2
    if ingest.write == "statement":
        start += 1 + ingest.sql.count("\n", 0, first_word(ingest.sql))
    return re.sub(r"^LINE (\d+):", lambda match: f"{ingest.path}:{int(match[1]) + start}:", message, flags=re.MULTILINE)
