"""Some failing rows of a check, without the values of columns that must not be seen."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from sqlglot import exp

from penstock.assets.names import quote
from penstock.parser.query import parse_one

MASK = "***"
_SECOND = re.compile(r"(?:_\d+)+$")
_ANY_NAME = (exp.SetOperation, exp.Columns, exp.PositionalColumn, exp.Pivot, exp.UDTF, exp.Explode)


def sample_query(query: str, limit: int, columns: Sequence[str] = (), masked: Collection[str] = ()) -> str:
    """Return the statement for some of a query's rows; `columns` have to be given where some are masked.

    They are those of `select * from (query)`, where DuckDB calls the second `a` `a_1`. A masked value is shown as `***`, NULL
    as NULL. Raises ValueError for a masked column that the query does not have.
    """
    hidden = {name.lower() for name in masked}
    if hidden - {name.lower() for name in columns}:
        raise ValueError("a column to be masked is not there")
    shown = ", ".join(_masked(name) if name.lower() in hidden else quote(name) for name in columns) or "*"
    return f"select {shown} from (\n{query}\n) as failing limit {int(limit)}"


def _masked(name: str) -> str:
    return f"case when {quote(name)} is not null then '{MASK}' end as {quote(name)}"


def masked_columns(query: str, columns: Sequence[str], mask: Collection[str], dialect: str = "duckdb") -> frozenset[str]:
    """Return which of a query's columns may show a value of the columns to be masked, whatever they are called by now.

    Names are followed through aliases; where a query makes names that cannot be followed, all of its columns count.
    """
    if not mask:
        return frozenset()
    try:
        names = _followed(parse_one(query, dialect), {name.lower() for name in mask})
    except (ValueError, RecursionError):
        names = None
    return frozenset(name for name in columns if names is None or name.lower() in names or _SECOND.sub("", name.lower()) in names)


def _followed(tree: exp.Expr, names: set[str]) -> set[str] | None:
    """Return all names under which values of some columns go, None where that cannot be told."""
    sources = {source.alias_or_name.lower() for source in tree.find_all(exp.Table, exp.Subquery, exp.CTE)}
    if tree.find(*_ANY_NAME) or names & sources or any(_renames(node) for node in tree.walk()):
        return None
    columns = [column for column in tree.find_all(exp.Column) if not isinstance(column.this, exp.Star)]
    if any(not column.table and column.name.lower() in sources for column in columns):
        return None  # a whole row
    aliases = list(tree.find_all(exp.Alias))
    found: set[str] = set()
    while found != names:
        found = names
        names = found.union(
            (alias.alias.lower() for alias in aliases if _shows(alias.this, found)),
            (column.name.lower() for column in columns if found & {part.name.lower() for part in column.parts[:-1]}),
        )
    results = (select for select in tree.find_all(exp.Select) if select.find_ancestor(exp.Alias) is None)
    given = (projection for select in results for projection in select.expressions)
    unnamed = (one for one in given if not isinstance(one, (exp.Alias, exp.Column, exp.Star)))
    return None if any(_shows(one, found) for one in unnamed) else found


def _renames(node: exp.Expr) -> bool:
    if isinstance(node, exp.Table):
        return not isinstance(node.this, exp.Identifier)  # a function's columns may be called anything
    if isinstance(node, exp.TableAlias):
        return bool(node.columns)
    return isinstance(node, exp.Star) and bool(node.args.get("rename"))


def _shows(expression: exp.Expr, names: set[str]) -> bool:
    """Whether a value of one of these columns may be part of an expression's."""
    for node in expression.walk():
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            return True
        if isinstance(node, exp.Column) and names & {part.name.lower() for part in node.parts}:
            return True
    return False
