"""What flows into the value of an expression, and how: through operators, aggregates, windows and subqueries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from sqlglot import exp

from penstock.parser.lineage_flows import (
    AGGREGATED,
    DERIVED,
    FILTER,
    ORDER,
    UNKNOWN,
    WINDOW,
    Flows,
    combined,
    gone_through,
    merge,
)
from penstock.parser.lineage_relations import Field, Rest
from penstock.parser.lineage_scopes import Reading, Scope, columns_in_sight, resolve, source_called
from penstock.parser.lineage_stars import columns_meant

_OTHER_AGGREGATES = frozenset(
    (
        "arbitrary arg_max_null arg_max_nulls_last arg_min_null arg_min_nulls_last bitstring_agg count_star entropy favg fsum "
        "histogram histogram_exact kahan_sum kurtosis_pop list_agg lttb mad mean product reservoir_quantile sem sumkahan"
    ).split()
)
"""DuckDB's aggregates that sqlglot takes for plain functions."""

_NEIGHBOURS = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
_ORDERLESS = (
    exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg, exp.CountIf, exp.LogicalAnd, exp.LogicalOr, exp.Median, exp.Quantile,
    exp.PercentileCont, exp.PercentileDisc, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop,
)  # fmt: skip
"""Aggregates that do not mind in which order they see their rows."""

_UNITS = frozenset(
    (
        "year month day hour minute second quarter week decade century millennium millisecond microsecond nanosecond epoch dow doy "
        "isodow isoyear yearweek weekday weekofyear dayofweek dayofmonth dayofyear era timezone timezone_hour timezone_minute julian"
    ).split()
)
_CONSTANTS = frozenset("user current_user session_user current_role current_catalog current_schema localtime localtimestamp".split())
"""Names without parentheses that are functions."""
_LEAVES = (exp.Literal, exp.DataType, exp.Null, exp.Boolean, exp.Placeholder, exp.JSONPath, exp.Parameter)
_NAMES_ONLY: dict[type[exp.Expr], str] = {
    exp.Alias: "alias",
    exp.PropertyEQ: "this",
    exp.Kwarg: "this",
    exp.Collate: "expression",
    exp.Window: "alias",
}
"""Where a child is a name of its own and never a column."""


Below = Iterable[tuple[exp.Expr, int]]
"""What is left to be gathered, each with its way."""


class Expression:
    """Gathers what flows into one or more expressions of a SELECT.

    `explodes` says that it makes rows (UNNEST), `aggregates` that it sums rows up, `spreads` that it has a column for each that
    `*` stands for, `columns` what a COLUMNS in it stands for; with `one` set, COLUMNS stands for that one.
    """

    def __init__(self, reading: Reading, scope: Scope, one: Field | Rest | None = None) -> None:
        self.reading = reading
        self.scope = scope
        self.flows: Flows = {}
        self.explodes = False
        self.aggregates = False
        self.spreads = False
        self.columns: list[Field | Rest] | None = None
        self._one = one
        self._own_names: list[str] = []

    def add(self, node: exp.Expr, way: int) -> Expression:
        """Gather from an expression whose value goes on in some way."""
        stack: list[tuple[exp.Expr, int]] = [(node, way)]
        while stack:
            node, way = stack.pop()
            if isinstance(node, exp.Column):
                self._column(node, way)
            else:
                stack.extend(self._handler(type(node))(self, node, way))
        return self

    def _plain(self, node: exp.Expr, way: int) -> Below:
        inner = combined(way, DERIVED)
        return [(child, inner) for child in _children(node)]

    def _nothing(self, node: exp.Expr, way: int) -> Below:  # noqa: ARG002 (a handler)
        return ()

    def _same(self, node: exp.Expr, way: int) -> Below:
        return ((node.this, way),)

    def _unnest(self, node: exp.Expr, way: int) -> Below:
        self.explodes = True
        return self._plain(node, way)

    def _star(self, star: exp.Expr, way: int) -> Below:
        if not isinstance(star.parent, exp.Count):
            self.spreads = True
            merge(self.flows, self.scope.everything(), combined(way, DERIVED))
        return ()

    def _column(self, column: exp.Column, way: int) -> None:
        parts = [part.name.lower() for part in column.parts] if column.args.get("table") else [column.name.lower()]
        if self._own_names and parts[0] in self._own_names:
            return
        if isinstance(column.this, exp.Star):
            self.spreads = self.spreads or not isinstance(column.parent, exp.Func)
            source = source_called(self.scope, parts[:-1])
            merge(self.flows, source.relation.whole() if source is not None else self.scope.everything(), combined(way, DERIVED))
            return
        flows = resolve(self.scope, parts)
        if flows is not None:
            merge(self.flows, flows, way)
        elif parts[0] not in _CONSTANTS:
            self._unresolved(".".join(parts), way)

    def _unresolved(self, name: str, way: int) -> None:
        self.reading.reasons[f"no table in sight has a column {name}"] = None
        merge(self.flows, gone_through(self.scope.everything(), UNKNOWN), way)

    def _loose(self, name: exp.Expr, way: int) -> Below:
        """Count a name that stands where no column was expected, if there is such a column."""
        folded = name.name.lower()
        if folded in self._own_names or (isinstance(name, exp.Var) and folded.removesuffix("s") in _UNITS):
            return ()
        flows = resolve(self.scope, [folded])
        if flows is not None:
            merge(self.flows, flows, combined(way, DERIVED))
        return ()

    def _dot(self, dot: exp.Expr, way: int) -> Below:
        """Follow a field, or a function that is called on what stands before it; the first names may be a column's."""
        parts, node = [], dot
        while isinstance(node, exp.Dot):
            parts.append(node.expression)
            node = node.this
        if not isinstance(node, exp.Identifier):
            return [(one, combined(way, DERIVED)) for one in (node, *parts) if not isinstance(one, exp.Identifier)]
        names = [node.name.lower()]
        while parts and isinstance(parts[-1], exp.Identifier):
            names.append(parts.pop().name.lower())
        if names[0] not in self._own_names:
            found = resolve(self.scope, names)
            if found is not None:
                merge(self.flows, found, combined(way, DERIVED))
            elif parts and isinstance(parts[-1], exp.Func):  # the names are a schema; an aggregate may mind the order
                merge(self.flows, self.scope.order, combined(way, ORDER))
            else:
                self._unresolved(".".join(names), combined(way, DERIVED))
        return [(one, combined(way, DERIVED)) for one in parts if not isinstance(one, exp.Identifier)]

    def _with_own_names(self, node: exp.Expr, way: int) -> Below:
        """Gather from a lambda or a list comprehension, whose parameters are no columns."""
        inner = combined(way, DERIVED)
        if isinstance(node, exp.Comprehension):
            self.add(node.args["iterator"], inner)
            names = [name.name.lower() for name in node.expression.find_all(exp.Identifier)]
            bodies = [node.this, node.args.get("condition")]
        else:
            names = [name.name.lower() for name in node.expressions]
            bodies = [node.this]
        self._own_names += names
        for body in bodies:
            if body is not None:
                self.add(body, inner)
        del self._own_names[len(self._own_names) - len(names) :]
        return ()

    def _subquery(self, query: exp.Expr, way: int) -> Below:
        merge(self.flows, self.reading.query(query, self.scope).everything(), combined(way, DERIVED))
        return ()

    def _columns(self, columns: exp.Expr, way: int) -> Below:
        found = columns_meant(self.reading, self.scope, columns)
        if not columns.args.get("unpack"):
            self.columns = found
            found = found if self._one is None else [self._one]
        for one in found:
            merge(self.flows, one.whole(), way)
        return ()

    def _position(self, position: exp.Expr, way: int) -> Below:
        number = int(position.name) if position.name.isdigit() else 0
        fields = [one for _, one in columns_in_sight(self.scope)][:number]
        if not fields or len(fields) < number or any(isinstance(one, Rest) for one in fields):
            merge(self.flows, gone_through(self.scope.everything(), UNKNOWN), way)
        else:
            merge(self.flows, fields[-1].whole(), way)
        return ()

    def _filter(self, node: exp.Expr, way: int) -> Below:
        return ((node.this, way), (node.expression, combined(way, FILTER)))

    def _within_group(self, node: exp.Expr, way: int) -> Below:
        return [(node.this, way), *((key, combined(way, AGGREGATED)) for key in _children(node.expression))]

    def _anonymous(self, node: exp.Expr, way: int) -> Below:
        return self._aggregate(node, way) if str(node.this).lower() in _OTHER_AGGREGATES else self._plain(node, way)

    def _aggregate(self, function: exp.Expr, way: int) -> Below:
        self.aggregates = True
        if not isinstance(function, _ORDERLESS):
            merge(self.flows, self.scope.order, combined(way, ORDER))
        return [below for child in _children(function) for below in _ordered(child, combined(way, AGGREGATED))]

    def _window(self, window: exp.Expr, way: int) -> Below:
        """Follow a window function; where its rows stand depends on the order of those that were read, too."""
        inner = combined(way, WINDOW)
        merge(self.flows, self.scope.order, inner)
        found = list(self._function_of_window(window.this, way))
        seen: set[str] = set()
        definition: exp.Expr | None = window
        while definition is not None:
            found += [(child, inner) for key in ("partition_by", "order", "spec") for child in _expressions(definition.args.get(key))]
            name = definition.args.get("alias")
            folded = name.name.lower() if name is not None else ""
            definition = None if folded in seen else self.scope.windows.get(folded)
            seen.add(folded)
        return found

    def _function_of_window(self, function: exp.Expr, way: int) -> Iterator[tuple[exp.Expr, int]]:
        while isinstance(function, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter)):
            if isinstance(function, exp.Filter):
                yield function.expression, combined(way, FILTER)
            function = function.this
        inner = combined(way, DERIVED if isinstance(function, _NEIGHBOURS) else AGGREGATED)
        for child in _children(function):
            yield from _ordered(child, inner)

    _handlers: ClassVar[dict[type, Callable[[Expression, exp.Expr, int], Below]]] = {
        exp.Query: _subquery,
        exp.Lambda: _with_own_names,
        exp.Comprehension: _with_own_names,
        exp.Identifier: _loose,
        exp.Var: _loose,
        exp.Dot: _dot,
        exp.Columns: _columns,
        exp.PositionalColumn: _position,
        exp.Star: _star,
        exp.Window: _window,
        exp.Filter: _filter,
        exp.WithinGroup: _within_group,
        exp.AggFunc: _aggregate,
        exp.Anonymous: _anonymous,
        exp.Explode: _unnest,
        exp.Alias: _same,
        exp.Paren: _same,
        **dict.fromkeys(_LEAVES, _nothing),
    }
    """What is special about a kind of node; of all others the value is derived from whatever stands below them."""

    @classmethod
    def _handler(cls, kind: type) -> Callable[[Expression, exp.Expr, int], Below]:
        found = cls._handlers.get(kind)
        if found is None:
            found = next((cls._handlers[base] for base in kind.__mro__ if base in cls._handlers), cls._plain)
            cls._handlers[kind] = found
        return found


def _ordered(argument: exp.Expr, way: int) -> Iterator[tuple[exp.Expr, int]]:
    """Yield an argument of an aggregate; the ORDER BY within it says where its rows stand."""
    if isinstance(argument, exp.Order):
        if argument.this is not None:
            yield argument.this, way
        yield from ((key, combined(way, ORDER)) for key in argument.expressions)
    elif isinstance(argument, (exp.Distinct, exp.Limit, exp.Having, exp.HavingMax)):
        for child in _children(argument):
            yield from _ordered(child, way)
    else:
        yield argument, way


def _children(node: exp.Expr) -> Iterator[exp.Expr]:
    left_out = _NAMES_ONLY.get(node.__class__)
    for key, value in node.args.items():
        if key != left_out:
            yield from _expressions(value)


def _expressions(value: object) -> Iterator[exp.Expr]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, exp.Expr))
    elif isinstance(value, exp.Expr):
        yield value


def flows_of(reading: Reading, scope: Scope, node: exp.Expr, way: int) -> Flows:
    """Return what flows into an expression."""
    return Expression(reading, scope).add(node, way).flows
