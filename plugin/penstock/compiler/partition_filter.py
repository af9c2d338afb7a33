"""A slice of a query: the rows of some partitions, with as little read for them as the text allows for sure.

The filter stands around the query, and its text stays as it was compiled. Where a filter can be moved down to a table (`pushdown`),
the table's name is replaced by a subquery of its rows; the filter around stays, so that moving it is an optimisation and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from sqlglot import exp

from penstock.assets.names import literal, quote
from penstock.compiler.literals import Value, literal_of
from penstock.compiler.pushdown import Reading, readings
from penstock.parser.query import parse_one

_PUSHED_IN = "duckdb"
"""The rules for names in `outputs` are this dialect's; others get the filter around the query only."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A column's values from `lower` up to, and without, `upper`."""

    column: str
    lower: Value
    upper: Value


@dataclass(frozen=True, slots=True)
class Equals:
    """One value of a column."""

    column: str
    value: Value


Condition = Bound | Equals


@dataclass(frozen=True, slots=True)
class _Place:
    """A table's name in the text, and the columns of it to filter: the condition's, the table's as SQL, and whether of mixed types."""

    start: int
    end: int
    alias: str
    has_alias: bool
    columns: tuple[tuple[str, str, bool], ...]


def filtered(sql: str, conditions: Sequence[Condition], dialect: str) -> str:
    """Return a query for those rows of `sql` that meet all conditions, which name its columns.

    Columns, their order and types stay; NULL meets no condition. Never raises: what is not understood is filtered from around.
    """
    if not conditions:
        return sql
    names = tuple(sorted({condition.column.lower() for condition in conditions}))
    where = " and ".join(_holds(condition, quote(condition.column), dialect) for condition in conditions)
    return f'select * from (\n{_pushed(sql, _places(sql, names, dialect), conditions, dialect)}\n) as "penstock_slice" where {where}'


def _holds(condition: Condition, column: str, dialect: str) -> str:
    if isinstance(condition, Equals):
        return f"{column} = {literal_of(condition.value, dialect)}"
    return f"{column} >= {literal_of(condition.lower, dialect)} and {column} < {literal_of(condition.upper, dialect)}"


def _pushed(sql: str, places: tuple[_Place, ...], conditions: Sequence[Condition], dialect: str) -> str:
    pieces: list[str] = []
    end = 0
    for place in places:
        held = [
            found
            for name, column, mixed in place.columns
            for condition in conditions
            if condition.column.lower() == name and (found := _at_table(condition, column, mixed, dialect))
        ]
        if held:
            alias = quote(place.alias)
            part = f"(select * from {sql[place.start : place.end]} as {alias} where {' and '.join(held)})"
            pieces += [sql[end : place.start], part, "" if place.has_alias else f" as {alias}"]
            end = place.end
    return "".join([*pieces, sql[end:]])


def _at_table(condition: Condition, column: str, mixed: bool, dialect: str) -> str:
    """Return a condition for a table's column; empty where a set operation may have changed what it means.

    Below a set operation the column may have another type than above it: it is compared only if it has the value's own type,
    which nothing that DuckDB makes of it puts in another order. DuckDB decides `typeof` before it plans the scan.
    """
    if not mixed:
        return _holds(condition, column, dialect)
    kind = _own_type(condition.value if isinstance(condition, Equals) else condition.lower)
    if not kind or (isinstance(condition, Bound) and kind != _own_type(condition.upper)):
        return ""
    return f"(typeof({column}) <> {literal(kind)} or {_holds(condition, column, dialect)})"


def _own_type(value: Value) -> str:
    if isinstance(value, datetime):
        return "TIMESTAMP" if value.tzinfo is None else "TIMESTAMP WITH TIME ZONE"
    if isinstance(value, date):
        return "DATE"
    return "VARCHAR" if isinstance(value, str) else ""


@lru_cache(maxsize=64)
def _places(sql: str, names: tuple[str, ...], dialect: str) -> tuple[_Place, ...]:
    """Find the tables to filter, in the order of the text; the same query is asked for once for each of its partitions."""
    if dialect != _PUSHED_IN:
        return ()
    try:
        found = readings(parse_one(sql, dialect), names)
    except (ValueError, RecursionError):
        return ()
    tables: dict[int, list[tuple[str, Reading]]] = {}
    for name, each in found.items():
        for reading in each:
            tables.setdefault(id(reading.table), []).append((name, reading))
    places = [_place(sql, wanted) for wanted in tables.values()]
    return tuple(sorted((place for place in places if place is not None), key=lambda place: place.start))


def _place(sql: str, wanted: list[tuple[str, Reading]]) -> _Place | None:
    table = wanted[0][1].table
    parts = [part for key in ("catalog", "db", "this") if isinstance(part := table.args.get(key), exp.Identifier)]
    if not all(_stands_at(sql, part) for part in parts) or (len(parts) == 1 and set(table.name) & set("./\\*")):
        return None  # one name like that is a file
    alias = table.alias or table.name
    columns = tuple((name, _column(reading, alias), reading.mixed) for name, reading in wanted)
    return _Place(parts[0].meta["start"], parts[-1].meta["end"] + 1, alias, bool(table.alias), columns)


def _stands_at(sql: str, part: exp.Identifier) -> bool:
    if "start" not in part.meta:
        return False
    return sql[part.meta["start"] : part.meta["end"] + 1] in (part.name, quote(part.name))


def _column(reading: Reading, alias: str) -> str:
    column = quote(reading.passed.name)
    return f"{quote(alias)}.{column}" if reading.passed.qualified else column
