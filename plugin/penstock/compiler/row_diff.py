"""SQL that compares the rows of two relations: slice by slice by hash, then by key, or as bags of whole rows.

NULL equals NULL, as `is not distinct from` has it. Columns are paired by name, whatever its case; where their types differ and
are not both numbers, their texts are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from penstock.assets.names import literal, quote
from penstock.compiler.content import Columns
from penstock.compiler.samples import MASK

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "DECIMAL")
GRAINS = frozenset("hour day week month quarter year".split())


@dataclass(frozen=True, slots=True)
class SharedColumn:
    """A column that both relations have, as each of them spells it; `cast` is the type to compare it as, "" for its own."""

    base: str
    head: str
    cast: str = ""


@dataclass(frozen=True, slots=True)
class RowComparison:
    """Two relations (quoted names or queries in parentheses), what they share, and the places of the key's columns.

    `slice` is the place of the column that tells slices apart, None without one; `grain` cuts its times into periods.
    """

    base: str
    head: str
    columns: tuple[SharedColumn, ...]
    key: tuple[int, ...] = ()
    slice: int | None = None
    grain: str = ""

    @property
    def values(self) -> tuple[int, ...]:
        """The places of the columns that are not in the key."""
        return tuple(place for place in range(len(self.columns)) if place not in self.key)


def shared_columns(base: Columns, head: Columns) -> tuple[SharedColumn, ...]:
    """Pair the columns of two relations by name, in the head's order."""
    known = {name.lower(): (name, kind) for name, kind in base}
    pairs = [(known[name.lower()], (name, kind)) for name, kind in head if name.lower() in known]
    return tuple(SharedColumn(one[0], other[0], _common(one[1], other[1])) for one, other in pairs)


def slices_query(comparison: RowComparison) -> str:
    """Return the statement for one row a slice: its name, rows in base and head, and whether both hold the same."""
    same = "b.n is not distinct from h.n and b.h is not distinct from h.h"
    return (
        f"with {_hashes('b', comparison)}, {_hashes('h', comparison)} "
        f"select coalesce(b.s, h.s), coalesce(b.n, 0), coalesce(h.n, 0), {same} from b full outer join h on b.s = h.s order by 1"
    )


def duplicates_query(comparison: RowComparison) -> str:
    """Return the statement for how many keys stand in several rows, of base and head."""
    counts = []
    for relation, side in ((comparison.base, "base"), (comparison.head, "head")):
        keys = ", ".join(_expression(comparison.columns[place], side) for place in comparison.key)
        counts.append(f"(select count(*) from (select 1 from {relation} group by {keys} having count(*) > 1))")
    return f"select {', '.join(counts)}"


def keyed_query(comparison: RowComparison, slices: Sequence[str] | None = None) -> str:
    """Return the statement for rows added, removed, changed and same, and for each other column its changed values.

    Keys must be unique. `slices` are the names of those to look at, None for all.
    """
    differ = [f"b.c{place} is distinct from h.c{place}" for place in comparison.values]
    both = "b.here and h.here"
    changed = " or ".join(differ) or "false"
    counts = [
        "count(*) filter (where b.here is null)",
        "count(*) filter (where h.here is null)",
        f"count(*) filter (where {both} and ({changed}))",
        f"count(*) filter (where {both} and not ({changed}))",
        *(f"count(*) filter (where {both} and {one})" for one in differ),
    ]
    return f"{_joined(comparison, slices)} select {', '.join(counts)} from b full outer join h on {_on(comparison)}"


def keyed_samples(comparison: RowComparison, limit: int, masked: Collection[str] = (), slices: Sequence[str] | None = None) -> str:
    """Return the statement for some rows of each kind: `added`, `removed` or `changed`, then the texts of base and head of each column.

    The texts of columns that are masked are `***`; what a column is called in the head counts.
    """
    differ = " or ".join(f"b.c{place} is distinct from h.c{place}" for place in comparison.values) or "false"
    kind = "case when b.here is null then 'added' when h.here is null then 'removed' else 'changed' end"
    texts = ", ".join(_text(side, place, comparison, masked) for place in range(len(comparison.columns)) for side in ("b", "h"))
    order = ", ".join(f"coalesce(b.c{place}, h.c{place})" for place in comparison.key)
    return (
        f"{_joined(comparison, slices)} select {kind} as kind, {texts} from b full outer join h on {_on(comparison)} "
        f"where b.here is null or h.here is null or ({differ}) "
        f"qualify row_number() over (partition by {kind} order by {order}) <= {int(limit)} order by kind, {order}"
    )


def bags_query(comparison: RowComparison, slices: Sequence[str] | None = None) -> str:
    """Return the statement for rows added, removed and the same of two bags of whole rows."""
    return (
        f"{_bags(comparison, slices)} select coalesce(sum(greatest(h - b, 0)), 0), coalesce(sum(greatest(b - h, 0)), 0), "
        "coalesce(sum(least(b, h)), 0) from bags"
    )


def bag_samples(comparison: RowComparison, limit: int, masked: Collection[str] = (), slices: Sequence[str] | None = None) -> str:
    """Return the statement for some rows that are in one bag more often: `added` or `removed`, then the text of each column."""
    places = range(len(comparison.columns))
    kind = "case when h > b then 'added' else 'removed' end"
    order = ", ".join(f"c{place}" for place in places)
    texts = ", ".join(_text("bags", place, comparison, masked) for place in places)
    return (
        f"{_bags(comparison, slices)} select {kind} as kind, {texts} from bags where h <> b "
        f"qualify row_number() over (partition by {kind} order by {order}) <= {int(limit)} order by kind, {order}"
    )


def _common(one: str, other: str) -> str:
    if one == other or (one.startswith(_NUMBERS) and other.startswith(_NUMBERS) and "[" not in one + other):
        return ""
    return "varchar"


def _expression(column: SharedColumn, side: str) -> str:
    name = quote(column.base if side == "base" else column.head)
    return f"cast({name} as {column.cast})" if column.cast else name


def _slice_name(comparison: RowComparison, side: str) -> str:
    """Return the expression for the name of a row's slice: `n` for NULL, else `v` and its text."""
    if comparison.slice is None:
        return "'v'"
    value = _expression(comparison.columns[comparison.slice], side)
    if comparison.grain in GRAINS:
        value = f"date_trunc({literal(comparison.grain)}, {value})"
    return f"coalesce('v' || cast({value} as varchar), 'n')"


def _hashes(alias: str, comparison: RowComparison) -> str:
    """Return the common table expression for each slice's name, number of rows, and sum of the rows' hashes."""
    side, relation = _SIDES[alias], _relation(alias, comparison)
    values = ", ".join(_expression(column, side) for column in comparison.columns) or "1"
    name = _slice_name(comparison, side)
    return f"{alias} as (select {name} as s, count(*) as n, sum(hash({values})) as h from {relation} group by 1)"


_SIDES = {"b": "base", "h": "head"}


def _relation(alias: str, comparison: RowComparison) -> str:
    return comparison.base if alias == "b" else comparison.head


def _rows(alias: str, comparison: RowComparison, more: str, slices: Sequence[str] | None) -> str:
    """Return the query for the rows of one side, its columns called c0, c1, ..., and `more` beside them."""
    side = _SIDES[alias]
    columns = [f"{_expression(column, side)} as c{place}" for place, column in enumerate(comparison.columns)]
    only = "" if slices is None else f" where {_slice_name(comparison, side)} in ({', '.join(map(literal, slices)) or 'null'})"
    return f"select {', '.join([*columns, more])} from {_relation(alias, comparison)}{only}"


def _joined(comparison: RowComparison, slices: Sequence[str] | None) -> str:
    sides = (f"{alias} as ({_rows(alias, comparison, 'true as here', slices)})" for alias in _SIDES)
    return f"with {', '.join(sides)}"


def _on(comparison: RowComparison) -> str:
    return " and ".join(f"b.c{place} is not distinct from h.c{place}" for place in comparison.key)


def _bags(comparison: RowComparison, slices: Sequence[str] | None) -> str:
    both = f"{_rows('h', comparison, '1 as h, 0 as b', slices)} union all {_rows('b', comparison, '0 as h, 1 as b', slices)}"
    columns = "".join(f"c{place}, " for place in range(len(comparison.columns)))
    return f"with bags as (select {columns}sum(h) as h, sum(b) as b from ({both}) as both_sides group by all)"


def _text(alias: str, place: int, comparison: RowComparison, masked: Collection[str]) -> str:
    value = f"{alias}.c{place}"
    if comparison.columns[place].head.lower() in {name.lower() for name in masked}:
        return f"case when {value} is not null then '{MASK}' end"
    return f"cast({value} as varchar)"
