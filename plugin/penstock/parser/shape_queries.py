"""From a parsed query to its shape; what is not understood keeps its text, and all it could read, as its code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.parser.scopes import means_cte
from penstock.parser.shape_select import select_shape
from penstock.parser.shape_values import Values, arguments
from penstock.parser.shapes import STAR, Clause, Codes, Field, NotFollowed, Schema, Scope, Shape

_SET_PARTS = frozenset("with_ this expression distinct by_name order limit offset".split())
_PARENTHESES_PARTS = frozenset("with_ this alias order limit offset".split())
_TABLE_PARTS = frozenset("this alias db catalog".split())


class Reader:
    """Reads the queries of one side of a comparison; both sides share their codes."""

    def __init__(self, codes: Codes, schema: Schema) -> None:
        self.codes = codes
        self.values = Values(codes, self.query)
        self.doubts: dict[str, None] = {}
        self._schema = schema

    def query(self, node: exp.Expr, around: Scope) -> Shape:
        """Return the shape of a query; never raises NotFollowed."""
        scope = Scope(around.ctes, around)
        try:
            with_ = node.args.get("with_")
            if with_ is not None:
                self._add_ctes(scope, with_)
            return self._followed(node, scope)
        except NotFollowed as problem:
            self.doubts[str(problem)] = None
            return self._as_written(node, scope)

    def source(self, node: exp.Expr, scope: Scope) -> tuple[str, Shape]:
        """Return the name of what stands in FROM or JOIN, and its shape. Raises NotFollowed."""
        name = node.alias_or_name.lower()
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            shape = self._table(node, scope)
        elif isinstance(node, exp.Subquery):
            shape = self.query(node, scope)
        else:
            shape = self._function(node, scope)
        alias = node.args.get("alias")
        columns = [column.name for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
        if shape.order:
            shape = replace(shape, core=self.codes("ordered", shape.rows(self.codes), shape.order), filters=(), order=0)
        return name, shape.renamed(columns)

    def limited(self, node: exp.Expr, shape: Shape, scope: Scope) -> Shape:
        """Return what ORDER BY, LIMIT and OFFSET leave of a query."""
        order, codes = node.args.get("order"), self.codes
        if order is not None:
            shape = replace(shape, order=codes("order", *(self.values.value(scope, key) for key in order.expressions)))
        bounds = [node.args[name] for name in ("limit", "offset") if node.args.get(name) is not None]
        if not bounds:
            return shape
        cut = codes("limit", *(self.values.value(scope, bound) for bound in bounds))
        text = " ".join(one.sql("duckdb", comments=False).strip() for one in ([order] if order is not None else []) + bounds)
        clause = Clause("limit", text, codes(cut, shape.order))
        return replace(shape, core=codes(cut, shape.rows(codes), shape.order), filters=(), clauses=(*shape.clauses, clause))

    def _followed(self, node: exp.Expr, scope: Scope) -> Shape:
        if isinstance(node, exp.Select):
            return select_shape(self, node, scope)
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, scope)
        if isinstance(node, exp.Subquery):
            check_parts(node, _PARENTHESES_PARTS)
            inner = self.query(node.this, scope)
            own = Scope(scope.ctes, scope.outer, [("", inner)])
            return self.limited(node, inner, own)
        if isinstance(node, exp.Table):
            return self.source(node, scope)[1]
        raise NotFollowed(f"{node.key.upper()} is not followed")

    def _add_ctes(self, scope: Scope, with_: exp.Expr) -> None:
        ctes = dict(scope.ctes)
        scope.ctes = ctes
        for cte in with_.expressions:
            name, columns = cte.alias.lower(), [column.name for column in cte.args["alias"].columns]
            if with_.args.get("recursive") and any(table.name.lower() == name for table in cte.this.find_all(exp.Table)):
                self.doubts["a recursive query is compared as it is written"] = None
                shape = self._as_written(cte.this, scope, columns)
            else:
                shape = self.query(cte.this, scope).renamed(columns)
            ctes[name] = shape

    def _table(self, table: exp.Table, scope: Scope) -> Shape:
        check_parts(table, _TABLE_PARTS)
        name = table.name.lower()
        if not table.db and name in scope.ctes:
            return scope.ctes[name]
        relation = RelationName(table.catalog, table.db, table.name)
        written = ".".join(relation.normalised())
        columns = self._schema(relation)
        code = self.codes("table", written)
        names = [STAR] if columns is None else [column.lower() for column in columns]
        fields = (Field(one, own, own, one) for one in names for own in [self.codes("column", written, one)])
        return Shape(tuple(fields), code, clauses=(Clause("from", str(relation), code),))

    def _function(self, node: exp.Expr, scope: Scope) -> Shape:
        """Return what VALUES, UNNEST, LATERAL or a function in FROM gives: what it says of all that stands before it."""
        if any(node.args.get(name) for name in ("joins", "pivots", "laterals")):
            raise NotFollowed("a PIVOT is compared as it is written")
        said = [(name, value) for name, value in arguments(node) if name != "alias"]
        code = self.values.value(scope, type(node)(**{name: _copied(value) for name, value in said}))
        text = node.sql("duckdb", comments=False)
        own = self.codes("column", code)
        return Shape((Field(STAR, own, own, text),), code, clauses=(Clause("from", text, code),))

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> Shape:
        check_parts(node, _SET_PARTS)
        left, right = (self.source(exp.Subquery(this=side.copy()), scope)[1] for side in (node.this, node.expression))
        all_rows = isinstance(node, exp.Union) and not node.args.get("distinct")
        fields = tuple(self._paired(left, right, by_name=bool(node.args.get("by_name"))))
        kind = f"{node.key}{' all' if all_rows else ''}{' by name' if node.args.get('by_name') else ''}"
        compared = () if all_rows else tuple(one.value for one in fields)
        core = self.codes(kind, left.rows(self.codes), right.rows(self.codes), *compared)
        looked_at = () if all_rows else tuple(one.plain for one in fields)
        clauses = (*left.clauses, Clause("union", kind, self.codes(kind, *looked_at)), *right.clauses)
        found = Shape(fields, core, clauses=clauses)
        return self.limited(node, found, Scope(scope.ctes, scope.outer, [("", found)]))

    def _paired(self, left: Shape, right: Shape, *, by_name: bool) -> Iterator[Field]:
        if left.rest() is not None or right.rest() is not None:
            raise NotFollowed("a set operation of columns that are not known")
        if by_name:
            names = dict.fromkeys(one.name for one in (*left.fields, *right.fields))
            yield from (self._both(name, left.find(name), right.find(name)) for name in names)
        elif len(left.fields) != len(right.fields):
            raise NotFollowed("a set operation of different numbers of columns")
        else:
            yield from (self._both(ours.name, ours, theirs) for ours, theirs in zip(left.fields, right.fields, strict=True))

    def _both(self, name: str, left: Field | None, right: Field | None) -> Field:
        sides = [one for one in (left, right) if one is not None]
        values = [one.value if one is not None else 0 for one in (left, right)]
        plains = [one.plain if one is not None else 0 for one in (left, right)]
        text = " | ".join(dict.fromkeys(one.text for one in sides))
        return Field(name, self.codes("both", *values), self.codes("both", *plains), text, tuple(sides))

    def _as_written(self, node: exp.Expr, scope: Scope, columns: list[str] | None = None) -> Shape:
        """Return the shape of a query as its text and all that it can read: other texts have other codes."""
        tables = []
        for table in node.find_all(exp.Table):
            name = table.name.lower()
            cte = scope.ctes.get(name) if not table.db and not means_cte_within(table, name, node) else None
            if cte is not None:
                tables.append(cte.whole(self.codes))
        text = node.sql("duckdb", comments=False)
        code = self.codes("written", text, scope.everything(self.codes), *tables)
        names = columns or _names(node)
        fields = (Field(name, own, own, text) for name in names for own in [self.codes("column", code, name)])
        return Shape(tuple(fields), code, clauses=(Clause("query", text, code),))


def check_parts(node: exp.Expr, known: frozenset[str]) -> None:
    """Raise NotFollowed where a node says more than what is understood."""
    unknown = next((name for name, _ in arguments(node) if name not in known), None)
    if unknown is not None:
        raise NotFollowed(f"{unknown.strip('_').upper()} of {node.key.upper()} is compared as it is written")


def means_cte_within(table: exp.Table, name: str, node: exp.Expr) -> bool:
    """Tell whether a name means a CTE of the very query that is looked at."""
    return means_cte(table, name) and any(cte.alias.lower() == name for cte in node.find_all(exp.CTE))


def _names(node: exp.Expr) -> list[str]:
    """Return the names of a query's columns, `*` where its text does not tell them."""
    while isinstance(node, (exp.SetOperation, exp.Subquery)):
        node = node.this
    if not isinstance(node, exp.Select) or any(not isinstance(one, (exp.Alias, exp.Column)) for one in node.expressions):
        return [STAR]
    names = [one.alias_or_name.lower() for one in node.expressions]
    return names if STAR not in names and len(set(names)) == len(names) else [STAR]


def _copied(value: object) -> object:
    if isinstance(value, list):
        return [_copied(one) for one in value]
    return value.copy() if isinstance(value, exp.Expr) else value
