"""Named placeholders (`$day`, `$cursor`) of an ingestion query: which there are, and how to fill them where none can be bound.

Binding is the rule: a bound value has its type, keeps the name of a column that has none of its own, and DuckDB folds it like a
literal. Filling is for what takes no parameters: a view, a key of GROUP BY or ORDER BY, the source of a PIVOT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from penstock.compiler.literals import Value, literal_of

_WORD = r"[A-Za-z0-9_\x80-\U0010ffff]"
_TOKEN = re.compile(
    rf"""
    --[^\r\n]*
    | (?P<comment>/\*)
    | [eE]'(?:[^'\\]|\\.|'')*'?
    | '(?:[^']|'')*'?
    | "(?:[^"]|"")*"?
    | \$(?P<tag>(?:(?!\d){_WORD}+)?)\$.*?(?:\$(?P=tag)\$|\Z)
    | \$\s*(?:(?P<name>(?!\d){_WORD}+)|"(?P<quoted>(?:[^"]|"")+)")
    | {_WORD}(?:{_WORD}|\$)*
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
"""The lexical rules of DuckDB and Postgres; both nest comments, which is left to `_comment_end`."""

_COMMENT = re.compile(r"/\*|\*/")


def names_in(sql: str) -> frozenset[str]:
    """Return the names of all placeholders, lower case: DuckDB finds a parameter in any case, and refuses one too many."""
    return frozenset(name for name, _, _ in _placeholders(sql))


def fill(sql: str, values: Mapping[str, Value | None], dialect: str) -> str:
    """Return the query with typed literals for the placeholders that have a value; all other text stays as it is.

    >>> from datetime import date
    >>> fill("select '$day', $day -- $day", {"day": date(2024, 1, 1)}, "duckdb")
    "select '$day', CAST('2024-01-01' AS DATE) -- $day"
    """
    known = {name.lower(): value for name, value in values.items()}
    pieces: list[str] = []
    end = 0
    for name, start, stop in _placeholders(sql):
        if name in known:
            pieces += [sql[end:start], literal_of(known[name], dialect)]
            end = stop
    return "".join([*pieces, sql[end:]])


def _placeholders(sql: str) -> Iterator[tuple[str, int, int]]:
    """Yield each placeholder's name and the span of its text."""
    at = 0
    while found := _TOKEN.match(sql, at):
        at = found.end()
        if found["comment"]:
            at = _comment_end(sql, at)
        elif found["name"] or found["quoted"]:
            yield (found["name"] or found["quoted"].replace('""', '"')).lower(), found.start(), at


def _comment_end(sql: str, at: int) -> int:
    depth = 1
    for found in _COMMENT.finditer(sql, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(sql)
