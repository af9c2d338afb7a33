"""The native executor: the compiled query in the commit protocol, without dbt's macros around it."""

from __future__ import annotations

import re

from penstock.assets.asset import IngestSpec, TestSpec
from penstock.assets.code_version import code_version
from penstock.compiler.materialize import NATIVE, RELATION_TYPES
from penstock.compiler.tests import test_query, verdict
from penstock.errors import WarehouseError
from penstock.parser.query import read_query
from penstock.runner.commit import publish
from penstock.runner.context import RunContext
from penstock.runner.outcomes import Outcome, Status

EXECUTOR = "native"


def run_native(context: RunContext, number: int) -> Outcome:
    """Run a view, a table, an ingestion file or a data test."""
    if context.graph.assets[number].is_test:
        return _run_test(context, number)
    return _run_relation(context, number)


def _run_relation(context: RunContext, number: int) -> Outcome:
    asset = context.graph.assets[number]
    started = context.clock()
    if asset.ingest is not None:
        query, facts = asset.ingest.sql, read_query(asset.ingest.sql, context.warehouse.capabilities.dialect)
    else:
        query, facts = context.queries.get(asset)
    if asset.relation is None:
        raise WarehouseError(f"{asset.key} has no relation")
    relation_type = RELATION_TYPES[asset.materialized]
    what = context.publication(number, executor=EXECUTOR, relation_type=relation_type, query=facts, started_at=started)
    steps = NATIVE[asset.materialized](asset.relation, query, context.existing_type(asset.relation))
    sql = context.statements(ingest=asset.ingest is not None)
    bound = _placeholders(query, context) if asset.ingest is not None else {}

    def write() -> None:
        for step in steps[:-1]:
            sql.connection.execute(step)
        sql.connection.execute(steps[-1], bound)

    try:
        done = publish(sql, what, write, context.clock)
    except WarehouseError as error:
        message = _in_file(str(error), asset.ingest)
        context.record_failure(what, message)
        return context.outcome(number, context.failure, EXECUTOR, message, started)
    context.committed(what, done)
    message = f"SELECT {done.rows}" if done.rows is not None else "OK"
    return context.outcome(
        number, Status.SUCCESS, EXECUTOR, message, started, rows=done.rows, volatile=what.volatile, undeclared=what.undeclared
    )


def _in_file(message: str, ingest: IngestSpec | None) -> str:
    """Let the engine's `LINE n` of an ingestion file mean the file: the statement has one line before the query."""
    if ingest is None:
        return message
    return re.sub(r"^LINE (\d+):", lambda match: f"{ingest.path}:{int(match[1]) - 2 + ingest.first_line}:", message, flags=re.MULTILINE)


def _placeholders(query: str, context: RunContext) -> dict[str, object]:
    """Bind only names that occur: DuckDB refuses parameters the statement does not have."""
    known: dict[str, object] = {"run_id": context.run_id, "run_started_at": context.clock()}
    return {name: value for name, value in known.items() if f"${name}" in query}


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
