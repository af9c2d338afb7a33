"""How far a filter on a query's column can go down: the tables that may be read in part without a change to the rows asked for.

A filter passes a SELECT whose rows, or groups of rows, are each made of rows with one value of the column. It does not pass what
looks at rows across such values: LIMIT, windows, DISTINCT ON, grouping sets, the other side of an outer join. The filter around
the whole query stays, so that every table found here can be filtered or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from penstock.compiler.outputs import Columns, Passed
from penstock.compiler.sources import followable, plain
from penstock.parser.query import facts_of

_SELECT_PARTS = ("with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "qualify", "order")
_SET_PARTS = ("with_", "this", "expression", "distinct", "by_name", "order")
_NOT_ROW_BY_ROW = (
    exp.Anonymous, exp.UDTF, exp.Explode, exp.Columns, exp.PositionalColumn, exp.Pivot, exp.TableSample, exp.MatchRecognize, exp.Into,
)  # fmt: skip
"""What may make more of a row, or less, or see others: an unknown function may be a macro around a window."""

_SAME_WITHIN_A_STATEMENT = frozenset(
    "now current_timestamp current_date current_time current_localtime current_localtimestamp localtimestamp localtime"
    " get_current_timestamp get_current_time transaction_timestamp today current_user session_user current_role current_setting"
    " getvariable getenv current_database current_catalog current_schema current_schemas in_search_path age".split()
)
_READ_BY_NAME = frozenset({"query", "query_table"})
"""Functions that read a table or a CTE whose name is in a string."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A table that need not be read whole: its rows may be filtered by `passed`, one of its columns.

    `mixed`: a set operation stands in between, which may have changed the column's type.
    """

    table: exp.Table
    passed: Passed
    mixed: bool


def readings(tree: exp.Expr, names: tuple[str, ...]) -> dict[str, list[Reading]]:
    """Return, for each column of a DuckDB query, the tables that a filter on it can be moved to."""
    if not isinstance(tree, exp.Query) or not _understood(tree):
        return {}
    columns = Columns(tree)
    found = {}
    for name in names:
        walk = _Walk(columns)
        walk.query(tree, name, mixed=False)
        found[name] = walk.found
    return found


def _understood(tree: exp.Expr) -> bool:
    """Whether names mean what they seem to, and each part of the query gives the same rows each time."""
    for node in tree.find_all(exp.Column, exp.Anonymous, exp.Command):
        if isinstance(node, exp.Command) or (isinstance(node, exp.Anonymous) and node.name.lower() in _READ_BY_NAME):
            return False
        if isinstance(node, exp.Column) and (node.args.get("db") or node.name.lower() == "rowid"):
            return False
    return set(facts_of(tree).volatile) <= _SAME_WITHIN_A_STATEMENT


class _Walk:
    """One filter on its way down; a CTE is entered once all that read it want the same."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.found: list[Reading] = []
        self.wanted: defaultdict[int, list[tuple[str, bool]]] = defaultdict(list)

    def query(self, query: exp.Expr, name: str, *, mixed: bool) -> None:
        """Take the filter on a query's column further down, where that is the same."""
        if isinstance(query, exp.Subquery) and plain(query, "this", "alias", "with_"):
            self.query(query.this, name, mixed=mixed)
        elif isinstance(query, exp.SetOperation) and plain(query, *_SET_PARTS):
            self._branches(query, name)
        elif isinstance(query, exp.Select) and plain(query, *_SELECT_PARTS):
            passed = self.columns.passed(query, name)
            if passed is not None and passed.source.preserved and self._passes(query, passed):
                self._source(passed, mixed=mixed)

    def _branches(self, query: exp.SetOperation, name: str) -> None:
        """Columns of a set operation go by their place, unless it is BY NAME."""
        left, right = self.columns.names(query.this), self.columns.names(query.expression)
        if left is None or right is None or name not in left:
            return
        other = name if query.args.get("by_name") else right[left.index(name)] if len(left) == len(right) else ""
        if other in right:
            self.query(query.this, name, mixed=True)
            self.query(query.expression, other, mixed=True)

    def _source(self, passed: Passed, *, mixed: bool) -> None:
        node = passed.source.node
        cte = self.columns.references.cte(node)
        if isinstance(node, exp.Subquery):
            self.query(node.this, passed.name, mixed=mixed)
        elif cte is not None:
            self._cte(cte, passed.name, mixed=mixed)
        elif isinstance(node, exp.Table):
            self.found.append(Reading(node, passed, mixed))

    def _cte(self, cte: exp.CTE, name: str, *, mixed: bool) -> None:
        wanted = self.wanted[id(cte)]
        wanted.append((name, mixed))
        if len(wanted) == self.columns.references.count(cte) and len({each for each, _ in wanted}) == 1 and followable(cte):
            self.query(cte.this, name, mixed=any(each for _, each in wanted))

    def _passes(self, select: exp.Select, passed: Passed) -> bool:
        """Whether each row that a SELECT gives is made of rows that have its value of the column."""
        group, distinct = select.args.get("group"), select.args.get("distinct")
        if group is not None and not _plain_keys(group):
            return False
        if distinct is not None and distinct.args.get("on") and not self._among(select, distinct.args["on"].expressions, passed):
            return False
        for node in _own_nodes(select):
            if isinstance(node, _NOT_ROW_BY_ROW):
                return False
            if isinstance(node, exp.Window) and not self._among(select, node.args.get("partition_by") or (), passed):
                return False
        return True

    def _among(self, select: exp.Select, keys: Sequence[exp.Expr], passed: Passed) -> bool:
        meant = [self.columns.resolve(select, key) for key in keys if isinstance(key, exp.Column)]
        return any(one is not None and one.source is passed.source and one.name == passed.name for one in meant)


def _plain_keys(group: exp.Group) -> bool:
    """Whether a GROUP BY has one set of keys: a column that is no aggregate is then one of them."""
    return plain(group, "expressions", "all") and not any(
        isinstance(key, (exp.Tuple, exp.Rollup, exp.Cube, exp.GroupingSets)) for key in group.expressions
    )


def _own_nodes(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield what stands in a SELECT itself: not in its CTEs, the queries of its FROM, nor those within its expressions."""
    stack = [child for key, value in select.args.items() if key != "with_" for child in _expressions(value)]
    while stack:
        node = stack.pop()
        if isinstance(node, exp.Query) and not isinstance(node, exp.Table):
            continue
        yield node
        stack.extend(child for value in node.args.values() for child in _expressions(value))


def _expressions(value: object) -> Iterator[exp.Expr]:
    if isinstance(value, exp.Expr):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, exp.Expr))
