"""A query whose inputs are read in part: each name of a table is replaced by a subquery of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from penstock.assets.grains import Grain
from penstock.assets.names import RelationName, quote
from penstock.compiler.pushdown import readings
from penstock.compiler.truncated import untruncated
from penstock.errors import ProjectError
from penstock.parser.query import parse_one


def restricted(sql: str, conditions: Mapping[RelationName, str], dialect: str) -> str:
    """Return the query with only those rows of some tables that meet a condition; the rest of the text stays as it is.

    >>> restricted('select a from "d"."s"."t"', {RelationName("d", "s", "t"): "x = 1"}, "duckdb")
    'select a from (select * from "d"."s"."t" where x = 1) as "t"'

    Raises ProjectError for a query that cannot be read: it would read more than it may.
    """
    if not conditions:
        return sql
    wanted = {name.normalised(): condition for name, condition in conditions.items()}
    try:
        tree = parse_one(sql, dialect)
        found = sorted([*_tables(tree), *_qualifiers(tree)], key=lambda one: one[1])
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"a query cannot be cut into partitions: {error}") from error
    pieces: list[str] = []
    end = 0
    for named, first, last in found:
        condition = wanted.get(_name(named).normalised())
        if condition is None:
            continue
        name = quote(_name(named).identifier)
        alias = "" if named.alias else f" as {name}"
        pieces += [sql[end:first], name if isinstance(named, exp.Column) else f"(select * from {sql[first:last]} where {condition}){alias}"]
        end = last
    return "".join([*pieces, sql[end:]])


def distributes(sql: str, time: str, columns: Mapping[RelationName, str], dialect: str, grain: Grain | None = None) -> bool:
    """Whether several periods at once give what each by itself gives.

    `time` is the query's column of periods, `columns` those of the inputs that are cut to them. It is so where a filter on
    the query's column can be moved to the column of every such input, wherever it stands. Where the times of all those have
    no zone, `grain` says how long a period is: then the query's column may be the time cut down to it.
    """
    wanted = {name.normalised(): column.lower() for name, column in columns.items()}
    try:
        tree = parse_one(sql, dialect)
        tree = tree if grain is None else untruncated(tree, time.lower(), grain)
        passed = {id(one.table): one.passed.name.lower() for one in readings(tree, (time.lower(),)).get(time.lower(), ())}
    except (ValueError, RecursionError):
        return False
    cut = [table for table in tree.find_all(exp.Table) if _name(table).normalised() in wanted]
    return bool(cut) and all(passed.get(id(table)) == wanted[_name(table).normalised()] for table in cut)


_Named = exp.Table | exp.Column


def _tables(tree: exp.Expr) -> Iterator[tuple[_Named, int, int]]:
    """Yield each table that is named in full, and where its name begins and ends in the text."""
    for table in tree.find_all(exp.Table):
        yield from _place(table, ("catalog", "db", "this"))


def _qualifiers(tree: exp.Expr) -> Iterator[tuple[_Named, int, int]]:
    """Yield each column whose table is named in full, `"d"."s"."t".x`, and where that name begins and ends: a subquery has no such name."""
    for column in tree.find_all(exp.Column):
        yield from _place(column, ("catalog", "db", "table"))


def _place(named: _Named, keys: tuple[str, ...]) -> Iterator[tuple[_Named, int, int]]:
    parts = [part for key in keys if isinstance(part := named.args.get(key), exp.Identifier)]
    if len(parts) > 1 and all("start" in part.meta for part in parts):
        yield named, parts[0].meta["start"], parts[-1].meta["end"] + 1


def _name(named: _Named) -> RelationName:
    return RelationName(named.catalog, named.db, named.table if isinstance(named, exp.Column) else named.name)
