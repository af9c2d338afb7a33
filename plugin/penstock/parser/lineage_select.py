"""What a SELECT gives: its projections in order, and what its other clauses do to the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from penstock.parser.lineage_expressions import Expression
from penstock.parser.lineage_flows import FILTER, GROUP, JOIN, ORDER, UNCHANGED, UNKNOWN, Flows, gone_through, merge, united
from penstock.parser.lineage_names import name_of
from penstock.parser.lineage_relations import Field, Fields, Relation, Rest
from penstock.parser.lineage_scopes import Reading, Scope, add_rows, check_parts
from penstock.parser.lineage_sources import add_sources
from penstock.parser.lineage_stars import expanded

_PARTS = frozenset(
    (
        "with_ hint distinct expressions limit operation_modifiers from_ joins where group having qualify windows order offset sample locks"
    ).split()
)


def select_relation(reading: Reading, select: exp.Expr, around: Scope) -> Relation:
    """Return what a SELECT gives. Raises Opaque for a clause that is not understood."""
    check_parts(select, _PARTS, "SELECT")
    scope = Scope(around.ctes, around)
    add_sources(reading, scope, select)
    scope.windows = {window.name.lower(): window for window in select.args.get("windows") or ()}
    fields: list[Field | Rest] = []
    grouped: list[Flows] = []
    for projection in select.expressions:
        expression = _project(reading, scope, projection, fields)
        if expression is None or not expression.aggregates:
            grouped.append(united(one.whole() for one in fields) if expression is None else expression.flows)
    _filter(reading, scope, select)
    _group(reading, scope, select.args.get("group"), fields, grouped)
    distinct = select.args.get("distinct")
    chosen_by = distinct.args.get("on") if distinct is not None else None
    if chosen_by is not None:
        keys = chosen_by.expressions if isinstance(chosen_by, exp.Tuple) else [chosen_by]
        add_rows(scope, united(_sort_key(reading, scope, key, fields) for key in keys), GROUP)
    elif distinct is not None:
        add_rows(scope, united(one.whole() for one in fields), GROUP)
    order = in_order(reading, scope, select, fields, picks=chosen_by is not None)
    return Relation(fields, scope.rows, order)


def _project(reading: Reading, scope: Scope, projection: exp.Expr, fields: list[Field | Rest]) -> Expression | None:
    """Add the columns of one projection; return what was found, None for a star."""
    columns = expanded(reading, scope, projection)
    if columns is not None:
        fields += columns
        return None
    expression = Expression(reading, scope).add(projection, UNCHANGED)
    aliased = isinstance(projection, exp.Alias)
    value = projection.this if aliased else projection
    name = projection.alias if aliased else _spelled(name_of(projection), expression.flows)
    if expression.explodes:
        add_rows(scope, expression.flows, JOIN)
    if expression.spreads:
        reading.reasons["an expression of * gives columns that are not known"] = None
        fields.append(Rest(fixed=gone_through(expression.flows, UNKNOWN)))
    elif expression.columns is not None:
        fields += _each(reading, scope, projection, expression.columns)
    elif isinstance(value, exp.Explode) and (value is projection or value.expressions):
        reading.reasons["UNNEST makes columns of fields that are not known"] = None
        fields.append(Rest(fixed=expression.flows))
    else:
        fields.append(Field(name, expression.flows))
    if aliased:
        folded = projection.alias.lower()
        earlier = scope.aliases.get(folded)
        scope.aliases[folded] = expression.flows if earlier is None else united((earlier, expression.flows))
    return expression


def _spelled(name: str, flows: Flows) -> str:
    """Return a name as the table spells it, where the column is no more than that table's."""
    if len(flows) == 1:
        ((origin, ways),) = flows.items()
        if ways == UNCHANGED and origin.column.lower() == name.lower():
            return name if origin.table.columns == ("*",) else origin.column
    return name


def _each(reading: Reading, scope: Scope, projection: exp.Expr, columns: Sequence[Field | Rest]) -> Iterator[Field | Rest]:
    """Yield a column for each that COLUMNS stands for in an expression."""
    alias = projection.alias if isinstance(projection, exp.Alias) else ""
    if "\\" in alias or any(isinstance(one, Rest) for one in columns):
        flows = united(Expression(reading, scope, one).add(projection, UNCHANGED).flows for one in columns)
        reading.reasons["COLUMNS gives names that are not known"] = None
        yield Rest(fixed=gone_through(flows, UNKNOWN))
        return
    for one in columns:
        flows = Expression(reading, scope, one).add(projection, UNCHANGED).flows
        yield Field(alias or (one.name if isinstance(one, Field) else ""), flows)


def _filter(reading: Reading, scope: Scope, select: exp.Expr) -> None:
    where = select.args.get("where")
    if where is not None:
        add_rows(scope, reading.value(scope, where.this, FILTER))
    for key in ("having", "qualify"):
        clause = select.args.get(key)
        if clause is not None:
            add_rows(scope, reading.value(scope, clause.this, FILTER))
            add_rows(scope, _aliases_in(scope, clause), FILTER)


def _aliases_in(scope: Scope, node: exp.Expr) -> Flows:
    """Return what flows into the aliases a clause names: in some clauses they come before columns."""
    names = (column.name.lower() for column in node.find_all(exp.Column) if not column.args.get("table"))
    return united(scope.aliases[name] for name in names if name in scope.aliases)


def _group(reading: Reading, scope: Scope, group: exp.Expr | None, fields: Fields, grouped: Sequence[Flows]) -> None:
    """Note what a GROUP BY groups by; `grouped` are the projections that hold no aggregate."""
    if group is None:
        return
    if group.args.get("all"):
        add_rows(scope, united(grouped), GROUP)
    keys = [key for name, value in group.args.items() if name != "all" and isinstance(value, list) for key in value]
    add_rows(scope, _keys(reading, scope, keys, fields))


def _keys(reading: Reading, scope: Scope, keys: Sequence[exp.Expr], fields: Fields) -> Flows:
    """Return what flows into the keys of a GROUP BY, a number meaning a projection."""
    found: Flows = {}
    for key in keys:
        if isinstance(key, (exp.Tuple, exp.Paren, exp.Cube, exp.Rollup, exp.GroupingSets)):
            inside = [key.this] if isinstance(key, exp.Paren) else key.expressions
            merge(found, _keys(reading, scope, inside, fields), UNCHANGED)
        elif isinstance(key, exp.Literal) and key.is_int:
            merge(found, _at(fields, int(key.name)), GROUP)
        else:
            merge(found, reading.value(scope, key, GROUP), UNCHANGED)
    return found


def _at(fields: Fields, number: int) -> Flows:
    """Return what flows into a projection by its number; behind columns that are not known it may be any."""
    if 0 < number <= len(fields) and not any(isinstance(one, Rest) for one in fields[:number]):
        return fields[number - 1].whole()
    return gone_through(united(one.whole() for one in fields), UNKNOWN)


def in_order(reading: Reading, scope: Scope, query: exp.Expr, fields: Fields, *, picks: bool = False) -> Flows:
    """Return what the order of a query's rows depends on; where only some of the rows are taken, they depend on it, too."""
    order = dict(scope.order)
    clause = query.args.get("order")
    for key in clause.expressions if clause is not None else ():
        merge(order, _sort_key(reading, scope, key.this, fields), ORDER)
    limits = [query.args[key] for key in ("limit", "offset") if query.args.get(key) is not None]
    if limits or picks or query.args.get("sample") is not None:
        add_rows(scope, order)
    for limit in limits:
        add_rows(scope, reading.value(scope, limit, FILTER))
    return order


def _sort_key(reading: Reading, scope: Scope, key: exp.Expr, fields: Fields) -> Flows:
    """Return what flows into a key of ORDER BY or DISTINCT ON, where a name means a projection before it means a column."""
    if isinstance(key, exp.Literal) and key.is_int:
        return _at(fields, int(key.name))
    if isinstance(key, (exp.Var, exp.Column)) and not key.args.get("table"):
        name = key.name.lower()
        if name == "all":
            return united(one.whole() for one in fields)
        named = Relation(fields).find(name)
        if named is not None and named[1]:
            return named[0]
    return united((reading.value(scope, key, ORDER), _aliases_in(scope, key)), ORDER)
