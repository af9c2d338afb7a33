"""What `*` and COLUMNS stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp

from penstock.parser.lineage_flows import UNKNOWN, Flows, gone_through, united
from penstock.parser.lineage_relations import Field, Rest, listed
from penstock.parser.lineage_scopes import Opaque, Reading, Scope, Source, check_parts, columns_in_sight, source_called

_PARTS = frozenset("except_ replace rename ilike".split())
Entry = tuple[Source, Field | Rest]
_PORTABLE = re.compile(r"[\w\s|()^$.*+?\[\]-]*")
"""Patterns that mean the same to Python and to RE2."""


def star_columns(reading: Reading, scope: Scope, star: exp.Expr) -> list[Field | Rest]:
    """Return the columns of `*` or `t.*`, with EXCLUDE, REPLACE and RENAME."""
    if isinstance(star, exp.Column):
        names = [part.name.lower() for part in star.parts[:-1]]
        source = source_called(scope, names)
        if source is None:
            return [_fields_of_struct(reading, scope, star, names)]
        entries = [(source, one) for one in listed(source.relation)]
        star = star.this
    else:
        entries = list(columns_in_sight(scope))
    fields = _changed(reading, scope, star, entries)
    pattern = star.args.get("ilike")
    if pattern is None:
        return fields
    chosen = _like(pattern.name, re.DOTALL | re.IGNORECASE) if isinstance(pattern, exp.Literal) else None
    return _picked(reading, scope, fields, chosen, negated=False)


def _fields_of_struct(reading: Reading, scope: Scope, star: exp.Expr, names: Sequence[str]) -> Rest:
    """Return the columns that a struct's fields become, whose names are not known."""
    column = exp.column(*(exp.to_identifier(name, quoted=True) for name in reversed(names)))
    if any(star.this.args.get(key) for key in ("except_", "replace", "rename")):
        raise Opaque(f"the fields of {'.'.join(names)} are picked by name")
    reading.reasons[f"the fields of {'.'.join(names)} are not known"] = None
    return Rest(fixed=gone_through(reading.value(scope, column), UNKNOWN))


def _changed(reading: Reading, scope: Scope, star: exp.Expr, entries: list[Entry]) -> list[Field | Rest]:
    check_parts(star, _PARTS, "*")
    replaced = {one.alias.lower(): reading.value(scope, one.this) for one in star.args.get("replace") or ()}
    renamed = {_name_of(one.this): one.alias for one in star.args.get("rename") or ()}
    left = list(_left(star, entries))
    rests = [one for _, one in left if isinstance(one, Rest)]
    gone = frozenset(replaced) | {name for _, name in renamed}
    found: list[Field | Rest] = []
    seen: set[str] = set()
    for source, one in left:
        if isinstance(one, Rest):
            found.append(one.without(gone))
            continue
        folded = one.name.lower()
        again = folded in seen
        seen.add(folded)
        new = next((new for (table, name), new in renamed.items() if name == folded and table in {"", source.name}), None)
        if folded in replaced and not again:  # of two columns with that name, one is left
            found.append(Field(one.name, replaced[folded]))
        elif folded not in replaced:
            found.append(one if new is None else Field(new, _among(rests, folded, one.flows)))
    found += [Field(name, flows) for name, flows in replaced.items() if name not in seen]
    return found + [Field(new, _among(rests, name)) for (_, name), new in renamed.items() if name not in seen]


def _among(rests: list[Rest], name: str, *others: Flows) -> Flows:
    """Return what flows into a column that is renamed: it may be one of those not known."""
    flows = [*others, *(rest.flows(name) for rest in rests if name not in rest.excluded)]
    return flows[0] if len(flows) == 1 else united(flows, UNKNOWN)


def _left(star: exp.Expr, entries: list[Entry]) -> Iterator[Entry]:
    """Yield what EXCLUDE leaves of `*`; where it names one side of USING, the other side's column stands in."""
    excluded = [_name_of(one) for one in star.args.get("except_") or ()]
    names = frozenset(name for table, name in excluded if not table)
    if any(table and name in source.shared for table, name in excluded for source, _ in entries if source.name == table):
        raise Opaque("EXCLUDE names one side of USING")
    for source, one in entries:
        own = names | {name for table, name in excluded if table == source.name}
        if isinstance(one, Rest):
            yield source, one.without(frozenset(own))
        elif one.name.lower() not in own:
            yield source, one


def _name_of(node: exp.Expr) -> tuple[str, str]:
    return (node.args["table"].name.lower() if node.args.get("table") else ""), node.name.lower()


def columns_meant(reading: Reading, scope: Scope, columns: exp.Expr) -> list[Field | Rest]:
    """Return the columns that COLUMNS(...) stands for."""
    what = columns.this
    if _is_star(what):
        return star_columns(reading, scope, what)
    fields = [one for _, one in columns_in_sight(scope)]
    chosen = _chosen_by(what)
    if chosen is None or any(isinstance(one, Rest) for one in fields):
        reading.reasons["COLUMNS picks columns that are not known"] = None
        return [Rest(fixed=gone_through(scope.everything(), UNKNOWN))]
    return [one for one in fields if isinstance(one, Field) and chosen(one.name)]


def _matching(reading: Reading, scope: Scope, test: exp.Expr, negated: bool) -> list[Field | Rest]:
    """Return the columns of `* like '...'` and its kin."""
    return _picked(reading, scope, star_columns(reading, scope, test.this), _liked(test), negated)


def _picked(
    reading: Reading, scope: Scope, fields: list[Field | Rest], chosen: Callable[[str], object] | None, negated: bool
) -> list[Field | Rest]:
    if chosen is None or any(isinstance(one, Rest) for one in fields):
        reading.reasons["a pattern picks columns that are not known"] = None
        return [Rest(fixed=gone_through(scope.everything(), UNKNOWN))]
    return [one for one in fields if isinstance(one, Field) and bool(chosen(one.name)) != negated]


def _chosen_by(what: exp.Expr) -> Callable[[str], object] | None:
    if isinstance(what, exp.Literal) and what.is_string and _PORTABLE.fullmatch(what.name):
        return _searched(what.name)
    if isinstance(what, exp.Array) and all(isinstance(one, exp.Literal) for one in what.expressions):
        names = {one.name.lower() for one in what.expressions}
        return lambda name: name.lower() in names
    return None


def _liked(test: exp.Expr) -> Callable[[str], object] | None:
    pattern = test.expression
    if not isinstance(pattern, exp.Literal):
        return None
    if isinstance(test, exp.Like):
        return _like(pattern.name, re.DOTALL)
    if isinstance(test, exp.ILike):
        return _like(pattern.name, re.DOTALL | re.IGNORECASE)
    if isinstance(test, exp.SimilarTo) and _PORTABLE.fullmatch(pattern.name):
        return _searched(f"^(?:{pattern.name})$")
    return None


def _like(pattern: str, flags: int) -> Callable[[str], object]:
    text = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return re.compile(text, flags).fullmatch


def _searched(pattern: str) -> Callable[[str], object] | None:
    try:
        return re.compile(pattern).search
    except re.error:
        return None


def expanded(reading: Reading, scope: Scope, node: exp.Expr) -> list[Field | Rest] | None:
    """Return the columns of a projection that is a star of some kind, None for any other."""
    if _is_star(node):
        return star_columns(reading, scope, node)
    test = node.this if isinstance(node, exp.Not) else node
    if isinstance(test, exp.Binary) and _is_star(test.this):
        return _matching(reading, scope, test, negated=(test is not node) != bool(test.args.get("negate")))
    return None


def _is_star(node: object) -> bool:
    return isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star))
