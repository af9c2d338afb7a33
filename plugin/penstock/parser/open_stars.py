"""Columns that a query takes over from `*` of a table it reads: its columns are then whatever that table happens to have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

Named = Mapping[str, exp.Expr]


def open_stars(sql: str, dialect: str = "duckdb") -> tuple[str, ...]:
    """Return the tables, in order and once each, whose `*` makes output columns of a query.

    `*` of a CTE or subquery is followed into it, so that `select * from final` is as good as the columns `final` names.
    A query that cannot be read has none: other messages say that.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except (SqlglotError, RecursionError):
        return ()
    return tuple(dict.fromkeys(_of_query(tree, {}, frozenset())))


def _of_query(query: exp.Expr, named: Named, inside: frozenset[int]) -> Iterator[str]:
    if id(query) in inside:  # a recursive CTE
        return
    inside |= {id(query)}
    named = {**named, **{cte.alias.lower(): cte.this for cte in getattr(query, "ctes", ())}}
    if isinstance(query, exp.SetOperation):
        yield from _of_query(query.left, named, inside)
        yield from _of_query(query.right, named, inside)
    elif isinstance(query, exp.Subquery):
        yield from _of_query(query.this, named, inside)
    elif isinstance(query, exp.Select):
        yield from _of_select(query, named, inside)


def _of_select(query: exp.Select, named: Named, inside: frozenset[int]) -> Iterator[str]:
    stars = [one for one in query.expressions if one.is_star]
    if not stars:
        return
    tables = {one.table.lower() for one in stars if isinstance(one, exp.Column)}
    every = any(isinstance(one, exp.Star) for one in stars)
    clauses = [query.args.get("from_"), *query.args.get("joins", ())]
    for source in (clause.this for clause in clauses if clause is not None):
        if not every and source.alias_or_name.lower() not in tables:
            continue
        if isinstance(source, exp.Table) and not source.db and source.name.lower() in named:
            yield from _of_query(named[source.name.lower()], named, inside)
        elif isinstance(source, exp.Table):
            yield source.name or source.this.sql(dialect="duckdb")
        else:
            yield from _of_query(source, named, inside)
