"""What any query gives: SELECT, set operations, common table expressions (recursive ones, too), VALUES and PIVOT."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.parser.lineage_flows import DERIVED, FILTER, GROUP, UNCHANGED, UNKNOWN, Flows, gone_through, merge, united
from penstock.parser.lineage_pivots import pivoted
from penstock.parser.lineage_relations import Field, Relation, Rest, listed, renamed
from penstock.parser.lineage_scopes import Opaque, Reading, Scope, Source, check_parts
from penstock.parser.lineage_select import in_order, select_relation
from penstock.parser.lineage_sources import table_relation
from penstock.parser.scopes import means_cte

_SET_PARTS = frozenset("with_ this expression distinct by_name order limit offset".split())
_PARENTHESES_PARTS = frozenset("with_ this alias joins pivots order limit offset sample".split())
_VALUES_PARTS = frozenset("expressions alias".split())
_MOST_ROUNDS = 100
"""More than columns that pass a value on in turn, in any query that someone wrote."""


def query_relation(reading: Reading, node: exp.Expr, around: Scope) -> Relation:
    """Return what a query gives; what is not understood may depend on all it could read, and says why."""
    scope = around
    try:
        with_ = node.args.get("with_")
        if with_ is not None:
            scope = Scope(around.ctes, around)
            _add_ctes(reading, scope, with_)
        return _relation(reading, node, scope)
    except Opaque as problem:
        return _contained(reading, node, scope, problem)


def _contained(reading: Reading, node: exp.Expr, scope: Scope, problem: Opaque) -> Relation:
    reading.reasons[str(problem)] = None
    everything = gone_through(united(_readable(reading, node, scope)), UNKNOWN)
    return Relation([Rest(fixed=everything)], everything, everything)


def _relation(reading: Reading, node: exp.Expr, scope: Scope) -> Relation:
    if isinstance(node, exp.Select):
        return select_relation(reading, node, scope)
    if isinstance(node, exp.SetOperation):
        return _set_operation(reading, node, scope)
    if isinstance(node, exp.Subquery):
        return _in_parentheses(reading, node, scope)
    if isinstance(node, exp.Values):
        return _values(reading, node, scope)
    if isinstance(node, exp.Table):
        return table_relation(reading, node, scope)
    if isinstance(node, exp.Pivot):
        return pivoted(reading, scope, table_relation(reading, node.this, scope), node)
    raise Opaque(f"{node.key} is not a query that can be followed")


def _readable(reading: Reading, node: exp.Expr, scope: Scope) -> Iterator[Flows]:
    """Yield all that something could read: the tables it names, and whatever is in sight."""
    yield scope.everything()
    for table in node.find_all(exp.Table):
        name = table.name.lower()
        cte = scope.ctes.get(name) if not table.db else None
        if cte is not None:
            yield cte.everything()
        elif isinstance(table.this, exp.Identifier) and (table.db or not means_cte(table, name) or _starts_query(table, name)):
            yield reading.table(RelationName(table.catalog, table.db, table.name)).whole()
        elif isinstance(table.this, exp.Func):
            reading.reasons[f"what {table.this.sql_name().lower()}(...) reads cannot be told"] = None


def _starts_query(table: exp.Table, name: str) -> bool:
    """Whether a name of the query around it stands where that query is not recursive, and so means a table."""
    inner: exp.Expr = table
    outer = table.parent
    union: exp.Expr | None = None
    while outer is not None and not (isinstance(outer, exp.CTE) and outer.alias.lower() == name):
        if isinstance(outer, exp.Union) and outer.expression is inner:
            union = outer
        inner, outer = outer, outer.parent
    return isinstance(outer, exp.CTE) and (union is None or _recursive_union(outer.this, name) is not union)


def _add_ctes(reading: Reading, scope: Scope, with_: exp.Expr) -> None:
    """Read common table expressions in order: each sees those before it, and itself where it is recursive."""
    check_parts(with_, frozenset(("expressions", "recursive")), "WITH")
    ctes = dict(scope.ctes)
    scope.ctes = ctes
    for cte in with_.expressions:
        name = cte.alias.lower()
        columns = [column.name for column in cte.args["alias"].columns]
        stands_for = reading.inlined.get(name)
        union = _recursive_union(cte.this, name) if with_.args.get("recursive") else None
        if stands_for is not None:
            relation = reading.table(stands_for)
        elif union is not None:
            try:
                relation = _recursive(reading, cte, union, columns, scope)
            except Opaque as problem:
                relation = _contained(reading, cte.this, scope, problem)
        else:
            relation = reading.query(cte.this, scope)
        ctes[name] = renamed(relation, columns)


def _recursive_union(query: exp.Expr, name: str) -> exp.Expr | None:
    """Return the UNION whose right side names the query itself; without one a name means what it means outside."""
    while isinstance(query, exp.Subquery) and not any(value for key, value in query.args.items() if key != "this"):
        query = query.this
    if isinstance(query, exp.Union) and any(table.name.lower() == name for table in query.expression.find_all(exp.Table)):
        return query
    return None


def _recursive(reading: Reading, cte: exp.Expr, union: exp.Expr, columns: list[str], scope: Scope) -> Relation:
    """Read the right side of a recursive query again and again until nothing more flows into it."""
    around = Scope(scope.ctes, scope)
    if union.args.get("with_") is not None:
        _add_ctes(reading, around, union.args["with_"])
    left = reading.query(union.this, around)
    found = renamed(left, columns)
    for _ in range(_MOST_ROUNDS):
        inner = Scope({**around.ctes, cte.alias.lower(): found}, around)
        step = renamed(_combined(reading, union, left, reading.query(union.expression, inner), inner), columns)
        for key in cte.args.get("key_expressions") or ():
            column = step.find(key.name.lower())
            merge(step.rows, column[0] if column is not None else step.whole(), GROUP)
        if _same(step, found):
            return step
        found = _both(found, step)
    raise Opaque("a recursive query of this kind is not understood")


def _same(one: Relation, other: Relation) -> bool:
    """Whether as much flows into one relation as into another."""
    if len(one.fields) != len(other.fields) or one.rows != other.rows or one.order != other.order:
        return False
    return all(
        type(ours) is type(theirs) and (ours.fixed == theirs.fixed if isinstance(ours, Rest) else ours.flows == theirs.flows)  # type: ignore[union-attr]
        for ours, theirs in zip(one.fields, other.fields, strict=True)
    )


def _both(one: Relation, other: Relation) -> Relation:
    """Return the columns of one with all that flows into either."""
    fields = _by_position(one, other)
    return Relation(fields, united((one.rows, other.rows)), united((one.order, other.order)))


def _set_operation(reading: Reading, node: exp.Expr, scope: Scope) -> Relation:
    left, right = reading.query(node.this, scope), reading.query(node.expression, scope)
    return _combined(reading, node, left, right, scope)


def _combined(reading: Reading, node: exp.Expr, left: Relation, right: Relation, scope: Scope) -> Relation:
    check_parts(node, _SET_PARTS, "a set operation")
    inner = Scope(scope.ctes, scope)
    inner.rows = united((left.rows, right.rows))
    inner.order = united((left.order, right.order))
    fields = _by_name(left, right) if node.args.get("by_name") else _by_position(left, right)
    if not isinstance(node, exp.Union):  # a row is kept or not, and stays as the left side has it
        fields = list(left.fields)
        merge(inner.rows, united((left.whole(), right.whole())), FILTER)
    elif node.args.get("distinct"):
        merge(inner.rows, united((left.whole(), right.whole())), GROUP)
    inner.sources.append(Source("", Relation(fields)))
    order = in_order(reading, inner, node, fields)
    return Relation(fields, inner.rows, order)


def _by_position(left: Relation, right: Relation) -> list[Field | Rest]:
    """Pair columns by their places, under the names of the left side; where places are not known, any may meet any."""
    if right.is_open or left.is_open:
        others = gone_through(right.whole(), UNKNOWN)
        return [
            one.through(UNCHANGED, others) if isinstance(one, Rest) else Field(one.name, united((one.flows, others))) for one in left.fields
        ]
    pairs = zip(left.fields, right.fields, strict=False)
    return [
        Field(ours.name, united((ours.flows, theirs.flows)))
        for ours, theirs in pairs
        if isinstance(ours, Field) and isinstance(theirs, Field)
    ]


def _by_name(left: Relation, right: Relation) -> list[Field | Rest]:
    """Pair columns by their names; what one side lacks is NULL there."""
    ours, theirs = listed(left), listed(right)
    found: list[Field | Rest] = []
    names: set[str] = set()
    for one in (*ours, *theirs):
        if isinstance(one, Field) and one.name.lower() not in names:
            names.add(one.name.lower())
            sides = [side.find(one.name.lower()) if one.name else (one.flows, True) for side in (left, right)]
            found.append(Field(one.name, united(flows for side in sides if side is not None for flows in [side[0]])))
    rests = [one.without(frozenset(names)) for one in (*ours, *theirs) if isinstance(one, Rest)]
    return [*found, *rests]


def _in_parentheses(reading: Reading, node: exp.Expr, scope: Scope) -> Relation:
    """Read a query in parentheses, with the ORDER BY and LIMIT that stand outside of them."""
    check_parts(node, _PARENTHESES_PARTS, "a query in parentheses")
    relation = reading.query(node.this, scope)
    inner = Scope(scope.ctes, scope)
    inner.sources.append(Source("", relation))
    inner.rows, inner.order = dict(relation.rows), relation.order
    order = in_order(reading, inner, node, relation.fields)
    found = Relation(relation.fields, inner.rows, order)
    for pivot in node.args.get("pivots") or ():
        found = pivoted(reading, scope, found, pivot)
    return found


def _values(reading: Reading, node: exp.Expr, scope: Scope) -> Relation:
    check_parts(node, _VALUES_PARTS, "VALUES")
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
    columns = [united(reading.value(scope, value, DERIVED) for value in column) for column in zip(*rows, strict=False)]
    return Relation([Field(f"col{number}", flows) for number, flows in enumerate(columns)])
