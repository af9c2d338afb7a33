"""A check as SQL: the relation it names `this` put in place, its failures counted, some of them fetched; and its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from sqlglot import exp

from penstock.assets.check import HISTORY, THIS, CheckSpec, parse_threshold
from penstock.compiler.spans import replaced, span_of, tokens_of
from penstock.compiler.tests import TestVerdict
from penstock.errors import ParseError
from penstock.parser.query import parse_one
from penstock.parser.scopes import means_cte

_NAME_ONLY = ("TABLE", "DESCRIBE", "SUMMARIZE")
"""What may stand before the name of a relation that takes no alias."""


def sliced(relation: str, predicate: str = "") -> str:
    """Return a quoted relation, or its rows for which a predicate of SQL holds, as something to select from.

    >>> print(sliced('"raw"."orders"', "day = date '2024-01-01'"))
    (select * from "raw"."orders" where day = date '2024-01-01'
    )
    """
    return f"(select * from {relation} where {predicate}\n)" if predicate else relation


def put_in_place(sql: str, relations: Mapping[str, str], dialect: str = "duckdb") -> str:
    """Replace relations without a schema, named in lower case, by what SQL selects from; all else stays to the letter.

    A name is left alone where it means a CTE, an alias, a column or text. What is replaced keeps its name as an alias.
    Raises ParseError for a query that cannot be read.

    >>> put_in_place("select this.a from this join this t using (a)", {"this": '"raw"."orders"'})
    'select this.a from "raw"."orders" as this join "raw"."orders" t using (a)'
    """
    try:
        tree, tokens = parse_one(sql, dialect), tokens_of(sql, dialect)
    except ValueError as error:
        raise ParseError(f"a check cannot be read: {error}") from error
    before = {token.start: previous.text.upper() for previous, token in pairwise(tokens)}
    spans = []
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        if isinstance(table.this, exp.Identifier) and name in relations and not table.db and not means_cte(table, name):
            start, end = span_of(table.this)
            alone = bool(table.alias) or before.get(start) in _NAME_ONLY
            spans.append((start, end, relations[name] if alone else f"{relations[name]} as {sql[start:end]}"))
    return replaced(sql, spans)


def check_sql(spec: CheckSpec, this: str = "") -> str:
    """Return a check's query on the asset that it looks at, or on `this` instead: some of its rows, say.

    Raises ParseError for a check whose file is broken.
    """
    if spec.error:
        raise ParseError(spec.error)
    return put_in_place(spec.sql, {THIS: this or spec.this, HISTORY: spec.history or HISTORY})


def check_query(spec: CheckSpec, query: str, this: str) -> str:
    """Return the statement for one row: the number of failures, of all rows where a threshold needs it, and of reasons to say nothing.

    The second and third are NULL where nobody asks. `query` is the check with its relations in place, `this` what it selects from.
    """
    total = f"(select count(*) from {this} as this)" if spec.needs_total else "null"
    short = "null"
    if spec.insufficient_sql:
        query_of_history = put_in_place(spec.insufficient_sql, {THIS: this, HISTORY: spec.history or HISTORY})
        short = f"(select count(*) from (\n{query_of_history}\n) as short)"
    return f"select count(*) as failures, {total} as total, {short} as insufficient\nfrom (\n{query}\n) as failing"


def check_verdict(spec: CheckSpec, failures: int, total: int | None = None) -> TestVerdict:
    """Return dbt's status and message, with thresholds that may be a share of all rows."""
    count = f"{failures} result{'' if failures == 1 else 's'}"
    if spec.severity == "error" and parse_threshold(spec.error_if).holds(failures, total or 0):
        return TestVerdict("fail", failures, f"Got {count}{_of(spec.error_if, total)}, configured to fail if {spec.error_if}")
    if parse_threshold(spec.warn_if).holds(failures, total or 0):
        return TestVerdict("warn", failures, f"Got {count}{_of(spec.warn_if, total)}, configured to warn if {spec.warn_if}")
    return TestVerdict("pass", 0, "")


def _of(threshold: str, total: int | None) -> str:
    return f" of {total or 0}" if parse_threshold(threshold).of_total else ""
