"""What an edit of a query changes: its rows, its columns, or only how it is written.

Both queries are taken apart into shapes (see shapes.py) whose codes are compared. What cannot be shown to be the same counts as
changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from penstock.parser.shape_queries import Reader
from penstock.parser.shapes import STAR, Clause, Codes, Field, Schema, Scope, Shape


@dataclass(frozen=True, slots=True)
class ChangedColumn:
    """A column that is not what it was: `added`, `removed`, `retyped`, `redefined` or `unknown`, with its expressions or types."""

    name: str
    change: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """What differs between two queries.

    `other_rows`: there may be other rows, by the clauses `rows`, before and after, of `kinds` (`where`, `join`, ...), none of which
    differs where clauses only stand elsewhere. `moved`: columns stand in another order; `ordered`: rows do. `doubts` are what
    was compared as it is written.
    """

    other_rows: bool = False
    columns: tuple[ChangedColumn, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    kinds: tuple[str, ...] = ()
    moved: bool = False
    ordered: bool = False
    doubts: tuple[str, ...] = ()


def changed_query(before: exp.Expr, after: exp.Expr, schema_before: Schema, schema_after: Schema) -> ChangedQuery:
    """Compare two parsed queries; the schemas are asked for the columns of the tables they name. Raises RecursionError."""
    codes = Codes()
    readers = Reader(codes, schema_before), Reader(codes, schema_after)
    old, new = (reader.query(tree, Scope()) for reader, tree in zip(readers, (before, after), strict=True))
    doubts = tuple(dict.fromkeys(doubt for reader in readers for doubt in reader.doubts))
    same_rows = old.rows(codes) == new.rows(codes)
    columns = tuple(_columns(old, new, same_rows=same_rows))
    pairs, kinds = ((), ()) if same_rows else _clauses(old.clauses, new.clauses)
    return ChangedQuery(not same_rows, columns, pairs, kinds, _moved(old, new), old.order != new.order, doubts)


def columns_of(tree: exp.Expr, schema: Schema) -> tuple[str, ...] | None:
    """Return the lower-case names of a query's columns, None where they are not known."""
    shape = Reader(Codes(), schema).query(tree, Scope())
    return None if shape.rest() is not None else tuple(one.name for one in shape.fields)


def _columns(old: Shape, new: Shape, *, same_rows: bool) -> Iterator[ChangedColumn]:
    ours, theirs = ({one.name: one for one in shape.fields} for shape in (old, new))
    open_alike = ours.get(STAR, _NONE).value == theirs.get(STAR, _NONE).value  # what is not known is the same on both sides
    for name, was in ours.items():
        now = theirs.get(name)
        if now is None:
            yield ChangedColumn(name, "removed" if open_alike and name != STAR else "unknown", was.text)
        elif was.plain != now.plain or (same_rows and was.value != now.value):
            yield _other(was, now)
    for name, now in theirs.items():
        if name not in ours:
            yield ChangedColumn(name, "added" if open_alike and name != STAR else "unknown", "", now.text)


_NONE = Field("", 0, 0)


def _other(was: Field, now: Field) -> ChangedColumn:
    if was.name == STAR:
        return ChangedColumn(STAR, "unknown", was.text, now.text)
    if was.inner and was.inner == now.inner and was.type != now.type:
        return ChangedColumn(was.name, "retyped", was.type, now.type)
    deep_was, deep_now = _where_they_part(was, now)
    return ChangedColumn(was.name, "redefined", deep_was.text, deep_now.text)


def _where_they_part(was: Field, now: Field) -> tuple[Field, Field]:
    """Follow two columns that are written alike to the parts in which they differ."""
    while was.text == now.text:
        parts = list(zip(was.parts, now.parts, strict=False))
        deeper = next(((one, other) for one, other in parts if one.value != other.value), None)
        if deeper is None:
            break
        was, now = deeper
    return was, now


def _moved(old: Shape, new: Shape) -> bool:
    names = {one.name for one in old.fields} & {one.name for one in new.fields}
    kept = [[one.name for one in shape.fields if one.name in names] for shape in (old, new)]
    return kept[0] != kept[1]


def _clauses(old: Sequence[Clause], new: Sequence[Clause]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Pair the clauses that only one side has, those of a kind in their order."""
    gone, come = _without(old, new), _without(new, old)
    pairs: list[tuple[str, str]] = []
    kinds = list(dict.fromkeys(one.kind for one in (*gone, *come)))
    for kind in kinds:
        left, right = ([one.text for one in side if one.kind == kind] for side in (gone, come))
        longest = max(len(left), len(right))
        pairs += zip(left + [""] * (longest - len(left)), right + [""] * (longest - len(right)), strict=True)
    return tuple(pairs), tuple(kinds)


def _without(ones: Sequence[Clause], others: Sequence[Clause]) -> list[Clause]:
    known = Counter((one.kind, one.code) for one in others)
    found = []
    for one in ones:
        if known[one.kind, one.code]:
            known[one.kind, one.code] -= 1
        else:
            found.append(one)
    return found
