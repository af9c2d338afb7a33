"""PIVOT makes columns of values, UNPIVOT values of columns; both as a part of FROM and as a statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from sqlglot import exp

from penstock.parser.lineage_flows import FILTER, GROUP, UNCHANGED, UNKNOWN, Flows, merge, united
from penstock.parser.lineage_names import name_of
from penstock.parser.lineage_relations import Field, Fields, Relation, Rest, listed
from penstock.parser.lineage_scopes import Opaque, Reading, Scope, Source, check_parts
from penstock.parser.lineage_stars import columns_meant, expanded

_PARTS = frozenset(
    "this with_ alias expressions fields unpivot using group into include_nulls columns identify_pivot_strings prefixed_pivot_columns "
    "pivot_column_naming value_columns_first".split()
)


def pivoted(reading: Reading, around: Scope, relation: Relation, pivot: exp.Expr) -> Relation:
    """Return what a PIVOT or UNPIVOT makes of a relation."""
    check_parts(pivot, _PARTS, "PIVOT")
    scope = Scope(around.ctes, around)
    scope.sources.append(Source("", relation))
    scope.rows = dict(relation.rows)
    scope.order = relation.order
    if pivot.args.get("unpivot"):
        return _unpivoted(reading, scope, relation, pivot)
    keys = pivot.args.get("fields") or pivot.expressions
    aggregates = pivot.args.get("using") or (pivot.expressions if pivot.args.get("fields") else [])
    group = pivot.args.get("group")
    if group is not None:
        kept: Fields = [Field(name_of(key), reading.value(scope, key, UNCHANGED)) for key in group.expressions]
    else:
        kept = _without(relation, {column.name.lower() for node in (*keys, *aggregates) for column in node.find_all(exp.Column)})
    merge(scope.rows, Relation(kept).whole(), GROUP)
    return Relation([*kept, *_made(reading, scope, keys, aggregates)], scope.rows, relation.order)


def _without(relation: Relation, used: set[str]) -> list[Field | Rest]:
    fields = listed(relation)
    return [
        one.without(frozenset(used)) if isinstance(one, Rest) else one
        for one in fields
        if isinstance(one, Rest) or one.name.lower() not in used
    ]


def _made(reading: Reading, scope: Scope, keys: Sequence[exp.Expr], aggregates: Sequence[exp.Expr]) -> Iterator[Field | Rest]:
    """Yield a column for each combination of values and each aggregate: the rows that have those values go into it."""
    chosen: Flows = {}
    for key in keys:
        merge(chosen, reading.value(scope, key.this if isinstance(key, exp.In) else key, UNCHANGED), FILTER)
    values = [_values(key) for key in keys]
    flows = [(one, united((chosen, reading.value(scope, one, UNCHANGED)))) for one in aggregates]
    if any(names is None for names in values):
        reading.reasons["PIVOT makes its columns of values"] = None
        yield Rest(fixed=united([chosen, *(found for _, found in flows)]))
        return
    for names in product(*(names for names in values if names is not None)):
        head = "_".join(names) if all(names) else ""
        if not flows:
            yield Field(head, chosen)
        for one, found in flows:
            suffix = one.alias if isinstance(one, exp.Alias) else name_of(one) if len(flows) > 1 else None
            yield Field(head if suffix is None else f"{head}_{suffix}" if head and suffix else "", found)


def _values(key: exp.Expr) -> list[str] | None:
    """Return what the columns of a list of values are called, None where the warehouse looks them up."""
    if not isinstance(key, exp.In) or key.args.get("query") or key.args.get("field") or not key.expressions:
        return None
    return [_value_name(value) for value in key.expressions]


def _value_name(value: exp.Expr) -> str:
    if isinstance(value, (exp.PivotAlias, exp.Alias)):
        return str(value.args["alias"].name)
    return str(value.name) if isinstance(value, (exp.Literal, exp.Column)) else ""


def _unpivoted(reading: Reading, scope: Scope, relation: Relation, pivot: exp.Expr) -> Relation:
    """Return the columns that stay, one for the names and one or more for the values; rows of NULL go unless they are asked for."""
    name, values, entries = _unpivot_parts(pivot)
    used = {column.name.lower() for entry in entries if entry.find(exp.Star) is None for column in entry.find_all(exp.Column)}
    into: list[Flows] = [{} for _ in values]
    unsure = False
    for entry in entries:
        for fields in _entry(reading, scope, entry):
            if len(fields) != len(into):
                raise Opaque("UNPIVOT of this kind is not understood")
            unsure = unsure or any(isinstance(one, Rest) for one in fields)
            used |= {one.name.lower() for one in fields if isinstance(one, Field)}
            for flows, one in zip(into, fields, strict=True):
                merge(flows, one.whole(), UNCHANGED)
    if not pivot.args.get("include_nulls"):
        merge(scope.rows, united(into), FILTER)
    kept = [one.through(UNKNOWN, {}) if unsure and isinstance(one, Rest) else one for one in _without(relation, used)]
    return Relation([*kept, Field(name, {}), *map(Field, values, into)], scope.rows, relation.order)


def _unpivot_parts(pivot: exp.Expr) -> tuple[str, list[str], list[exp.Expr]]:
    """Return the name of the column of names, those of the columns of values, and what is unpivoted."""
    fields = pivot.args.get("fields")
    if fields:
        target = pivot.expressions[0]
        return fields[0].this.name, [one.name for one in (target.expressions or [target])], fields[0].expressions
    into = pivot.args.get("into")
    if into is None:
        return "name", ["value"], pivot.expressions
    return into.this.name, [one.name for one in into.expressions], pivot.expressions


def _entry(reading: Reading, scope: Scope, entry: exp.Expr) -> Iterator[list[Field | Rest]]:
    """Yield the columns of each row that an entry makes."""
    node = entry.this if isinstance(entry, (exp.Alias, exp.PivotAlias, exp.Paren)) else entry
    found = columns_meant(reading, scope, node) if isinstance(node, exp.Columns) else expanded(reading, scope, node)
    if found is not None:
        yield from ([one] for one in found)
    else:
        parts = node.expressions if isinstance(node, exp.Tuple) else [node]
        yield [Field(name_of(part), reading.value(scope, part, UNCHANGED)) for part in parts]
