"""Cursors of incremental loads: a high-water mark is kept as text, and is of its column's type whenever it is compared.

Text that DuckDB makes of a value, and a cast back to its type, give the same value for every type, which Python's own
values do not: they end at microseconds.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from penstock.assets.names import quote
from penstock.compiler.placeholders import _placeholders

_TIMES = re.compile(r"DATE|TIMESTAMP.*")
_INFINITE = re.compile(r"DATE|TIMESTAMP.*|FLOAT|DOUBLE")


def with_typed_cursor(sql: str, kind: str) -> str:
    """Return a query in which `$cursor`, bound as text, has a type.

    >>> with_typed_cursor("select * from t where at >= $cursor", "DATE")
    'select * from t where at >= cast($cursor as DATE)'
    """
    pieces: list[str] = []
    end = 0
    for name, start, stop in _placeholders(sql):
        if name == "cursor":
            pieces += [sql[end:start], f"cast($cursor as {kind})"]
            end = stop
    return "".join([*pieces, sql[end:]])


def initial_type(initial: str | float) -> str:
    """Return the type of a first mark where no column says it: that of a date, of a time, of a number, else text."""
    if not isinstance(initial, str):
        return "BIGINT" if isinstance(initial, int) else "DOUBLE"
    try:
        date.fromisoformat(initial)
    except ValueError:
        pass
    else:
        return "DATE"
    try:
        found = datetime.fromisoformat(initial)
    except ValueError:
        return "VARCHAR"
    return "TIMESTAMP" if found.tzinfo is None else "TIMESTAMP WITH TIME ZONE"


def can_look_back(kind: str) -> bool:
    """Whether a duration can be taken off values of a type."""
    return _TIMES.fullmatch(kind) is not None


def mark_itself(kind: str) -> str:
    """Return the query for a mark, `$mark`, as text; it fails where the mark is no value of the type."""
    return f"select {_text(f'cast($mark as {kind})', kind)}"


def earlier_mark(kind: str) -> str:
    """Return the query for a mark, `$mark`, less `$microseconds`, as text; a date goes to the day in which that lies."""
    earlier = f"cast(cast($mark as {kind}) - to_microseconds(cast($microseconds as bigint)) as {kind})"
    return f"select {_text(earlier, kind)}"


def highest_mark(source: str, column: str, kind: str) -> str:
    """Return the query for the highest value of a column as text, never below `$mark`; NULL where neither has one.

    `source` stands after FROM. NULL, NaN and infinity are no marks: nothing would ever come after the latter.
    """
    finite = f" filter (where isfinite({quote(column)}))" if _INFINITE.fullmatch(kind) else ""
    highest = f"greatest(max({quote(column)}){finite}, cast($mark as {kind}))"
    return f"select {_text(highest, kind)} from {source}"


def _text(value: str, kind: str) -> str:
    """Return a value as text; an instant in UTC, for the offsets of old local times had seconds, which text leaves out."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"cast(timezone('UTC', {value}) as varchar) || '+00'"
    return f"cast({value} as varchar)"
