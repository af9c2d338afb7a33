"""What stands in FROM: tables, common table expressions, subqueries, functions, and how they are joined."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.parser.lineage_flows import DERIVED, JOIN, ORDER, UNCHANGED, UNKNOWN, Flows, gone_through, merge, united
from penstock.parser.lineage_pivots import pivoted
from penstock.parser.lineage_relations import Field, Relation, Rest, column_names, listed, renamed
from penstock.parser.lineage_scopes import Opaque, Reading, Scope, Source, add_rows, check_parts, columns_in_sight
from penstock.parser.query import FILE_FUNCTIONS, pattern_of, patterns_in

_ONE_COLUMN = {"range", "generate_series"}
_OF_ARGUMENTS = frozenset("repeat repeat_row json_each json_tree generate_subscripts".split())
"""Functions that give rows made of nothing but their arguments."""

_SOURCE_PARTS = frozenset("this alias db catalog joins pivots sample version when only expressions offset with_ order limit".split())
_JOIN_PARTS = frozenset("this on side kind using method hint match_condition".split())


def add_sources(reading: Reading, scope: Scope, select: exp.Expr) -> None:
    """Put into a scope what a SELECT reads from, with what the joins make of it."""
    from_ = select.args.get("from_")
    if from_ is not None:
        _add(reading, scope, from_.this)
    _add_joins(reading, scope, select.args.get("joins") or (), 0)


def table_relation(reading: Reading, node: exp.Expr, around: Scope) -> Relation:
    """Return the relation of something in FROM that stands on its own, such as joins in parentheses."""
    scope = Scope(around.ctes, around)
    _add(reading, scope, node)
    return Relation([one for _, one in columns_in_sight(scope)], scope.rows, scope.order)


def _add(reading: Reading, scope: Scope, node: exp.Expr) -> None:
    """Add a source, and those that are joined to it before anything else is."""
    first = len(scope.sources)
    if _is_transparent(node):
        _add(reading, scope, node.this)
    else:
        source = _source(reading, scope, node)
        merge(scope.rows, source.relation.rows, UNCHANGED)
        merge(scope.order, source.relation.order, UNCHANGED)
        scope.sources.append(source)
    _add_joins(reading, scope, node.args.get("joins") or (), first)


def _is_transparent(node: exp.Expr) -> bool:
    """Whether these are parentheses through which the names within are seen."""
    if not isinstance(node, exp.Subquery) or node.alias or node.args.get("pivots") or node.args.get("with_"):
        return False
    inner = node.this
    if isinstance(inner, exp.Subquery):
        return bool(inner.alias or inner.args.get("joins")) or _is_transparent(inner)
    return isinstance(inner, exp.Table)


def _source(reading: Reading, scope: Scope, node: exp.Expr) -> Source:
    if isinstance(node, exp.Lateral):
        return _lateral(reading, scope, node)
    check_parts(node, _SOURCE_PARTS, "a table")
    name = node.alias_or_name.lower() if isinstance(node, exp.Table) else node.alias.lower()
    columns = _column_names(node)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        return _table(reading, scope, node, name, columns)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
        relation = _function(reading, scope, node.this, name)
    elif isinstance(node, exp.Unnest):
        relation, columns = _unnest(reading, scope, node, name, columns), ()
    elif isinstance(node, exp.Table) and isinstance(node.this, (exp.Values, exp.Query)):
        relation = reading.query(node.this, scope)
    elif isinstance(node, (exp.Subquery, exp.Values)):
        relation = reading.query(node, scope)
    else:
        raise Opaque(f"{node.key} in FROM is not understood")
    if isinstance(node, exp.Table):
        relation = _pivots(reading, scope, node, relation)
    return Source(name or _function_name(node.this), renamed(relation, columns))


def _lateral(reading: Reading, scope: Scope, lateral: exp.Lateral) -> Source:
    """Read what stands after LATERAL, which bears the alias."""
    check_parts(lateral, frozenset(("this", "alias")), "LATERAL")
    node = lateral.this
    if not isinstance(node, (exp.Subquery, exp.Unnest)):
        raise Opaque("LATERAL of this kind is not understood")
    name, columns = lateral.alias.lower(), _column_names(lateral)
    if isinstance(node, exp.Unnest):
        return Source(name or "unnest", _unnest(reading, scope, node, name, columns))
    return Source(name, renamed(reading.query(node, scope), columns))


def _column_names(node: exp.Expr) -> Sequence[str]:
    alias = node.args.get("alias")
    return [column.name for column in alias.columns] if isinstance(alias, exp.TableAlias) else ()


def _table(reading: Reading, scope: Scope, table: exp.Table, name: str, columns: Sequence[str]) -> Source:
    schema = table.db.lower()
    cte = scope.ctes.get(table.name.lower()) if schema in {"", "recurring"} else None
    relation = cte or reading.table(RelationName(table.catalog, table.db, table.name))
    pivots = table.args.get("pivots") or ()
    if cte is not None and columns:  # its equal names got numbers where it was defined
        relation = Relation(listed(cte), cte.rows, cte.order)
    relation = renamed(_pivots(reading, scope, table, relation), columns)
    if pivots and pivots[-1].alias:
        return Source(pivots[-1].alias.lower(), renamed(relation, _column_names(pivots[-1])))
    if table.alias:
        return Source(name, relation)
    return Source(name, relation, schema, table.catalog.lower())


def _pivots(reading: Reading, scope: Scope, node: exp.Expr, relation: Relation) -> Relation:
    for pivot in node.args.get("pivots") or ():
        relation = pivoted(reading, scope, relation, pivot)
    return relation


def _function(reading: Reading, scope: Scope, function: exp.Expr, name: str) -> Relation:
    """Read a function that gives a table; each row of what stands to its left may give it other arguments."""
    called = _function_name(function)
    arguments = reading.value(scope, function, DERIVED)
    add_rows(scope, arguments, JOIN)
    if called in _ONE_COLUMN:
        return Relation([Field(name or called, arguments)], hidden=dict.fromkeys(_ONE_COLUMN, arguments))
    if called in _OF_ARGUMENTS:
        return Relation([Rest(fixed=arguments)])
    files = ", ".join(map(pattern_of, patterns_in(function))) if called in FILE_FUNCTIONS and isinstance(function, exp.Func) else ""
    if files.strip("*, "):
        return reading.table(RelationName("", "", files))
    reading.reasons[f"what {called}(...) reads cannot be told"] = None
    everything = united((reading.table(RelationName("", "", f"{called}(...)")).whole(), arguments), UNKNOWN)
    return Relation([Rest(fixed=everything)], everything)


def _function_name(function: object) -> str:
    if isinstance(function, exp.GenerateSeries):
        return "range" if function.args.get("is_end_exclusive") else "generate_series"
    if isinstance(function, exp.Anonymous):
        return str(function.this).lower()
    return function.sql_name().lower() if isinstance(function, exp.Func) else ""


def _unnest(reading: Reading, scope: Scope, unnest: exp.Unnest, name: str, columns: Sequence[str]) -> Relation:
    """Read a list that becomes rows: its column is called like its alias."""
    if any(not isinstance(one, exp.Expr) or isinstance(one, (exp.PropertyEQ, exp.Kwarg)) for one in unnest.expressions):
        raise Opaque("UNNEST with options is not understood")
    values = [reading.value(scope, one, DERIVED) for one in unnest.expressions]
    add_rows(scope, united(values), JOIN)
    fields = [Field(name or "unnest", flows) for flows in values]
    offset = unnest.args.get("offset")
    if offset:
        fields.append(Field(offset.name if isinstance(offset, exp.Identifier) else "ordinality", {}))
    return renamed(Relation(fields, hidden={"unnest": united(values)}), columns)


def _add_joins(reading: Reading, scope: Scope, joins: Sequence[exp.Expr], first: int) -> None:
    """Join each in turn to what stands to its left, from the source with number `first` on."""
    for join in joins:
        right = len(scope.sources)
        check_parts(join, _JOIN_PARTS, "a join")
        _add(reading, scope, join.this)
        for key in ("on", "match_condition"):
            if join.args.get(key) is not None:
                add_rows(scope, reading.value(scope, join.args[key], JOIN))
        method, kind, side = (str(join.args.get(key) or "").upper() for key in ("method", "kind", "side"))
        if "POSITIONAL" in {method, kind}:
            add_rows(scope, scope.order, ORDER)
        names = [name.name.lower() for name in join.args.get("using") or ()]
        if method == "NATURAL":
            names = _shared_names(reading, scope, first, right)
        for name in names:
            _use(scope, name, first, right, side)
        if kind in {"SEMI", "ANTI"}:
            del scope.sources[right:]


def _shared_names(reading: Reading, scope: Scope, first: int, right: int) -> list[str]:
    """Return the columns of NATURAL JOIN; where they are not known, anything may count."""
    left, others = scope.sources[first:right], scope.sources[right:]
    if any(source.relation.is_open for source in (*left, *others)):
        reading.reasons["NATURAL JOIN compares columns that are not known"] = None
        add_rows(scope, gone_through(united(source.relation.whole() for source in (*left, *others)), UNKNOWN))
        return []
    theirs = {name.lower() for source in others for name in column_names(source.relation.fields)}
    ours = [name.lower() for source in left for name in column_names(source.relation.fields)]
    return [name for name in dict.fromkeys(ours) if name in theirs]


def _use(scope: Scope, name: str, first: int, right: int, side: str) -> None:
    """Make one column of those that USING compares: the left one's value, the right one's, or whichever is there."""
    left = _holders(scope.sources[first:right], name)
    others = _holders(scope.sources[right:], name)
    ours, theirs = _compared(left, name), _compared(others, name)
    add_rows(scope, united((ours, theirs)), JOIN)
    value = {"RIGHT": theirs, "FULL": united((ours, theirs), DERIVED)}.get(side, ours)
    scope.merged[name] = value
    for source in (*left[1:], *others):
        source.dropped.add(name)
        source.shared.pop(name, None)
    if left:
        left[0].shared[name] = value


def _holders(sources: Sequence[Source], name: str) -> list[Source]:
    """Return the sources that have a column, the one that shows it after an earlier USING, or those that may have it."""
    found = [(source, source.relation.find(name)) for source in sources if name not in source.dropped]
    sure = [source for source, column in found if column is not None and (column[1] or name in source.shared)]
    return sure or [source for source, column in found if column is not None]


def _compared(holders: Sequence[Source], name: str) -> Flows:
    """Return what one side of USING compares; of several that may have the column it may be any."""
    found = [source.shared.get(name) or (source.relation.find(name) or ({}, False))[0] for source in holders]
    return found[0] if len(found) == 1 else united(found, UNKNOWN)
