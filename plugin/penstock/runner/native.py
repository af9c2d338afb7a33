"""The native executor: the compiled query in the commit protocol, without dbt's macros around it."""

from __future__ import annotations

import re
from dataclasses import replace

from penstock.assets.asset import IngestSpec, TestSpec
from penstock.assets.code_version import code_version
from penstock.compiler.materialize import NATIVE, RELATION_TYPES
from penstock.compiler.tests import test_query, verdict
from penstock.errors import PenstockError, Problems, WarehouseError
from penstock.parser.loading import first_word
from penstock.runner.commit import Committed, Publication, publish
from penstock.runner.context import RunContext
from penstock.runner.ingest import load_of
from penstock.runner.outcomes import Outcome, Status

EXECUTOR = "native"


def run_native(context: RunContext, number: int) -> Outcome:
    """Run a view, a table, an ingestion file or a data test."""
    asset = context.graph.assets[number]
    if asset.is_test:
        return _run_test(context, number)
    return _run_relation(context, number) if asset.ingest is None else _run_ingest(context, number, asset.ingest)


def _run_relation(context: RunContext, number: int) -> Outcome:
    asset = context.graph.assets[number]
    started = context.clock()
    query, facts = context.queries.get(asset)
    if asset.relation is None:
        raise WarehouseError(f"{asset.key} has no relation")
    relation_type = RELATION_TYPES[asset.materialized]
    what = context.publication(number, executor=EXECUTOR, relation_type=relation_type, query=facts, started_at=started)
    steps = NATIVE[asset.materialized](asset.relation, query, context.existing_type(asset.relation))
    sql = context.statements()

    def write() -> None:
        for step in steps:
            sql.connection.execute(step)

    try:
        done = publish(sql, what, write, context.clock)
    except WarehouseError as error:
        return _failed(context, number, what, str(error))
    return _succeeded(context, number, what, done)


def _run_ingest(context: RunContext, number: int, ingest: IngestSpec) -> Outcome:
    started = context.clock()
    sql = context.statements(ingest=True)
    load = load_of(context, sql, number)
    what = context.publication(number, executor=EXECUTOR, relation_type="table", query=load.facts, started_at=started)
    try:
        what = replace(what, high_water=load.read())  # only now: the versions of what it reads were looked at before
        done = publish(sql, what, load.write, context.clock)
    except PenstockError as error:
        return _failed(context, number, what, _in_file(_told(error), ingest))
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


def _told(error: PenstockError) -> str:
    """Return an error with its remedy, of several problems each."""
    problems = error.problems if isinstance(error, Problems) else (error,)
    return "\n".join(f"{one}\n{one.hint}" if one.hint else str(one) for one in problems)


def _in_file(message: str, ingest: IngestSpec) -> str:
    """Let the engine's `LINE n` of an ingestion file mean the file: there is one line before a query, and none before a statement.

    A statement is run from its first word on: with comments before it, the engine takes one line for another.
    """
    start = ingest.first_line - 2
    if ingest.write == "statement":
        start += 1 + ingest.sql.count("\n", 0, first_word(ingest.sql))
    return re.sub(r"^LINE (\d+):", lambda match: f"{ingest.path}:{int(match[1]) + start}:", message, flags=re.MULTILINE)


def _run_test(context: RunContext, number: int) -> Outcome:
    asset = context.graph.assets[number]
    started = context.clock()
    query, facts = context.queries.get(asset)
    spec = asset.test or TestSpec()
    inputs_version = context.versions.digest(number)
    volatile = context.test_volatility(number, facts)
    try:
        rows = context.statements().connection.execute(test_query(spec, query))
    except WarehouseError as error:
        return context.outcome(number, context.failure, EXECUTOR, str(error), started, inputs_version=inputs_version)
    if rows[0][0] is None:  # dbt refuses it in these words
        return context.outcome(number, Status.ERROR, EXECUTOR, "None is not of type 'integer'", started, inputs_version=inputs_version)
    found = verdict(spec, int(rows[0][0]), bool(rows[0][1]), bool(rows[0][2]))
    return context.outcome(
        number, Status(found.status), EXECUTOR, found.message, started,
        failures=found.failures, inputs_version=inputs_version, volatile=volatile, code_version=code_version(asset, facts.canonical),
    )  # fmt: skip
