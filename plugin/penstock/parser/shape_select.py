"""The shape of one SELECT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlglot import exp

from penstock.parser.shape_values import Reading, arguments
from penstock.parser.shapes import STAR, Clause, Field, NotFollowed, Scope, Shape

_PARTS = frozenset("with_ expressions from_ joins where group having qualify windows distinct order limit offset".split())
_JOIN_PARTS = frozenset("this on side kind using method".split())
_ONE_SIDED = ("SEMI", "ANTI")
"""Joins that only keep rows of the left side or not."""

_MAYBE_AGGREGATES = (exp.AggFunc, exp.Anonymous, exp.AnonymousAggFunc)
_MORE_ROWS = (exp.Unnest, exp.Explode, exp.UDTF)
_MORE_ROWS_NAMES = frozenset({"unnest", "flatten", "generate_series", "range"})


def select_shape(reader: Reading, select: exp.Select, scope: Scope) -> Shape:
    """Return the shape of a SELECT whose common table expressions are in scope. Raises NotFollowed."""
    unknown = next((name for name, _ in arguments(select) if name not in _PARTS), None)
    if unknown is not None:
        raise NotFollowed(f"{unknown.strip('_').upper()} is compared as it is written")
    codes, values = reader.codes, reader.values
    shape = _sources(reader, select, scope)
    shape = _filtered(reader, shape, select.args.get("where"), scope, "where")
    scope.aliases = {one.alias.lower(): one.this for one in select.expressions if isinstance(one, exp.Alias)}
    scope.tag = codes("tag", shape.rows(codes), *(values.plain(scope, one) for one in select.args.get("windows") or ()))
    shape = _grouped(reader, shape, select, scope)
    shape = _filtered(reader, shape, select.args.get("having"), scope, "having")
    scope.tag = codes("rest tag", scope.tag, shape.rows(codes))
    fields = tuple(_numbered(_projections(reader, select, scope)))
    shape = _filtered(reader, shape, select.args.get("qualify"), scope, "qualify")
    shape = replace(_exploded(reader, shape, select, scope), fields=fields)
    return reader.limited(select, _distinct(reader, shape, select, scope), scope)


def _sources(reader: Reading, select: exp.Select, scope: Scope) -> Shape:
    codes, values, from_ = reader.codes, reader.values, select.args.get("from_")
    if from_ is None:
        return Shape((), codes("one row"))
    joins = select.args.get("joins") or []
    name, first = reader.source(from_.this, scope)
    if not joins:
        scope.sources.append((name, first))
        return first
    scope.sources.append((name, first.at(0, codes)))
    core, clauses = codes("first", first.rows(codes)), first.clauses
    for place, join in enumerate(joins, 1):
        for part, _ in arguments(join):
            if part not in _JOIN_PARTS or join.method.upper() == "NATURAL":
                raise NotFollowed(f"a JOIN with {part} is compared as it is written")
        name, shape = reader.source(join.this, scope)
        shape = shape.at(place, codes)
        how = _how(join)
        merged = _merge(reader, join, shape, scope, how)
        scope.sources.append((name, shape))
        on = join.args.get("on")
        said = codes(how, *sorted(_conjuncts(reader, on, scope)), *merged)
        core = codes("join", core, shape.rows(codes), said)
        plain = codes(how, values.plain(scope, on) if on is not None else 0, *(name.name.lower() for name in join.args.get("using") or ()))
        told = Clause("join", join.sql("duckdb", comments=False).strip(), codes(plain, shape.clauses[0].code if shape.clauses else 0))
        clauses = (*clauses, *(shape.clauses if not isinstance(join.this, exp.Table) else ()), told)
        if join.kind.upper() in _ONE_SIDED:
            scope.sources.pop()
    return Shape((), core, clauses=clauses)


def _how(join: exp.Join) -> str:
    kind = " ".join(word.upper() for word in (join.method, join.side, join.kind) if word)
    return {"": "INNER", "LEFT OUTER": "LEFT", "RIGHT OUTER": "RIGHT", "FULL OUTER": "FULL"}.get(kind, kind) if (
        join.args.get("on") is not None or join.args.get("using")
    ) else kind or "CROSS"  # fmt: skip


def _merge(reader: Reading, join: exp.Join, right: Shape, scope: Scope, how: str) -> list[int]:
    """Merge the columns of USING, and return their codes."""
    codes, found = reader.codes, []
    left = Scope(scope.ctes, None, list(scope.sources), dict(scope.merged))
    both = Scope(scope.ctes, None, [("", right)])
    for name in join.args.get("using") or ():
        column = exp.Column(this=exp.Identifier(this=name.name))
        sides = [reader.values.field(one, name.name.lower(), column) for one in (left, both)]
        value, plain = codes("using", how, *(one.value for one in sides)), codes("using", how, *(one.plain for one in sides))
        if join.kind.upper() not in _ONE_SIDED:
            scope.merged[name.name.lower()] = Field(name.name.lower(), value, plain, name.name, tuple(sides))
        found.append(value)
    return found


def _conjuncts(reader: Reading, node: exp.Expr | None, scope: Scope) -> Iterator[int]:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        yield from _conjuncts(reader, node.this, scope)
        yield from _conjuncts(reader, node.expression, scope)
    elif node is not None:
        yield reader.values.value(scope, node)


def _filtered(reader: Reading, shape: Shape, node: exp.Expr | None, scope: Scope, kind: str) -> Shape:
    if node is None:
        return shape
    filters = tuple(_conjuncts(reader, node.this, scope))
    plain = reader.codes(kind, reader.values.plain(scope, node.this))
    clause = Clause(kind, node.sql("duckdb", comments=False).strip(), plain)
    return replace(shape, filters=(*shape.filters, *filters), clauses=(*shape.clauses, clause))


def _grouped(reader: Reading, shape: Shape, select: exp.Select, scope: Scope) -> Shape:
    group, codes = select.args.get("group"), reader.codes
    if group is None:
        if not _aggregates(select):
            return shape
        code = codes("one group", shape.rows(codes))
        return replace(shape, core=code, filters=(), clauses=(*shape.clauses, Clause("group", "all rows in one", codes("one group"))))
    keys = set(_keys(reader, group, select, scope))
    scope.tag = codes("group tag", scope.tag, *sorted(keys))
    clause = Clause("group", group.sql("duckdb", comments=False).strip(), codes("group", *sorted(_keys(reader, group, select, scope))))
    core = codes("group", shape.rows(codes), *sorted(keys))
    return replace(shape, core=core, filters=(), clauses=(*shape.clauses, clause))


def _keys(reader: Reading, group: exp.Expr, select: exp.Select, scope: Scope) -> Iterator[int]:
    for name, value in arguments(group):
        if name == "all":
            yield from (code for one in select.expressions for code in _key_of(reader, one, scope))
            continue
        for key in value if isinstance(value, list) else [value]:
            if not isinstance(key, exp.Expr):
                yield reader.codes(name, repr(key))
            elif isinstance(key, exp.Literal) and not key.is_string:
                yield reader.values.field(scope, "", _numbered_projection(select, key)).value
            else:
                yield reader.values.value(scope, key)


def _key_of(reader: Reading, one: exp.Expr, scope: Scope) -> Iterator[int]:
    """Yield what GROUP BY ALL groups by of one projection; a function nobody knows may be an aggregate or not."""
    if one.is_star and isinstance(one, (exp.Star, exp.Column)):
        yield from (field.value for field in _star(reader, one, scope))
    elif one.find(exp.AggFunc) is None:
        known = one.find(*_MAYBE_AGGREGATES) is None
        value = reader.values.field(scope, "", one)
        yield value.value if known else reader.codes("maybe", value.plain)


def _numbered_projection(select: exp.Select, number: exp.Literal) -> exp.Expr:
    place = int(number.name) if number.name.isdigit() else 0
    before = select.expressions[:place]
    if not 0 < place <= len(select.expressions) or any(one.is_star for one in before):
        raise NotFollowed("a number stands for a column that is not known")
    found: exp.Expr = select.expressions[place - 1]
    return found


def _aggregates(select: exp.Select) -> bool:
    """Whether a SELECT without GROUP BY gives one row; a function nobody knows may aggregate where no column stands outside one."""
    if select.args.get("having") is not None:
        return True
    seen = False
    stack: list[exp.Expr] = list(select.expressions)
    while stack:
        node = stack.pop()
        if isinstance(node, (exp.Column, exp.Star)):
            return False
        if isinstance(node, _MAYBE_AGGREGATES):
            seen = True
        elif not isinstance(node, (exp.Query, exp.Window)):
            stack.extend(node.iter_expressions())
    return seen


def _projections(reader: Reading, select: exp.Select, scope: Scope) -> Iterator[Field]:
    for one in select.expressions:
        if one.is_star and isinstance(one, (exp.Star, exp.Column)):
            yield from _star(reader, one, scope)
        elif any(not isinstance(star.parent, (exp.Count, exp.Column)) for star in one.find_all(exp.Star)):
            raise NotFollowed("a * within an expression is compared as it is written")
        elif isinstance(one, (exp.Alias, exp.Column)):
            yield reader.values.field(scope, one.alias_or_name.lower(), one)
        elif isinstance(one, exp.Aliases):
            raise NotFollowed("several names are given at once")
        else:
            yield reader.values.field(scope, one.sql("duckdb", comments=False).lower(), one)


def _star(reader: Reading, star: exp.Star | exp.Column, scope: Scope) -> Iterator[Field]:
    said = star.this if isinstance(star, exp.Column) else star
    if said.args.get("rename") or said.args.get("ilike"):
        raise NotFollowed("a * with RENAME or LIKE is compared as it is written")
    left_out = {one.name.lower() for one in said.args.get("except_") or ()}
    replaced = {one.alias.lower(): one.this for one in said.args.get("replace") or ()}
    done: set[str] = set()
    for name, shape in scope.sources:
        if isinstance(star, exp.Column) and name != star.table.lower():
            continue
        for field in shape.fields:
            merged = scope.merged.get(field.name) if not isinstance(star, exp.Column) else None
            if field.name in left_out or (merged is not None and field.name in done):
                continue
            done.add(field.name)
            if field.name == STAR and (left_out or replaced):
                others = sorted(reader.values.value(scope, one) for one in replaced.values())
                code = reader.codes("but", field.value, *sorted(left_out), *others)
                yield replace(field, value=code, plain=code)
            elif field.name in replaced:
                yield reader.values.field(scope, field.name, replaced[field.name])
            else:
                yield merged or field


def _numbered(fields: Iterator[Field]) -> Iterator[Field]:
    """Tell columns of one name apart as DuckDB does: `a`, `a_1`, `a_2`."""
    seen: dict[str, int] = {}
    for field in fields:
        count = seen.get(field.name, 0)
        seen[field.name] = count + 1
        yield field if not count or field.name == STAR else replace(field, name=f"{field.name}_{count}")


def _exploded(reader: Reading, shape: Shape, select: exp.Select, scope: Scope) -> Shape:
    """Return the rows of a SELECT that makes several of one."""
    found = [one for one in select.expressions if one.find(*_MORE_ROWS) or _makes_rows(one)]
    if not found:
        return shape
    codes, code = reader.codes, reader.codes("exploded", *(reader.values.field(scope, "", one).value for one in found))
    clause = Clause("unnest", ", ".join(one.sql("duckdb", comments=False) for one in found), code)
    return replace(shape, core=codes(code, shape.rows(codes)), filters=(), clauses=(*shape.clauses, clause))


def _makes_rows(node: exp.Expr) -> bool:
    return any(str(function.this).lower() in _MORE_ROWS_NAMES for function in node.find_all(exp.Anonymous))


def _distinct(reader: Reading, shape: Shape, select: exp.Select, scope: Scope) -> Shape:
    distinct, codes = select.args.get("distinct"), reader.codes
    if distinct is None:
        return shape
    on, order = distinct.args.get("on"), select.args.get("order")
    if on is not None:
        by = [reader.values.value(scope, one) for one in (on, *(order.expressions if order is not None else ()))]
        code = codes("distinct on", *by)
    else:
        code = codes("distinct", *sorted({(one.name == STAR, one.value) for one in shape.fields}))
    text = distinct.sql("duckdb", comments=False).strip() or "DISTINCT"
    clause = Clause("distinct", text.lower() if on is None else text, code)
    return replace(shape, core=codes(code, shape.rows(codes)), filters=(), clauses=(*shape.clauses, clause))
