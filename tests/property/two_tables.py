"""Small tables of random rows in DuckDB, and what a query makes of them: the judge of what the parser says of queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import duckdb

CASES = Path(__file__).parents[1] / "cases" / "query"
TABLES = {
    "t": {"k": "integer", "a": "integer", "b": "integer", "z": "integer", "s": "struct(a integer, n integer)", "l": "integer[]"},
    "u": {"k": "integer", "c": "integer", "z": "integer", "t": "struct(a integer)"},
    "v": {"k": "integer", "d": "integer", "x": "integer"},
}
Row = dict[str, object]
Rows = dict[str, list[Row]]
Answer = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]
"""Names and types of columns, and the rows, sorted: a bag."""


def random_rows(chance: Random) -> Rows:
    """Draw one to four rows for each table, of few values, so that filters and joins find something."""
    return {
        table: [{name: random_value(chance, kind) for name, kind in columns.items()} for _ in range(chance.randint(1, 4))]
        for table, columns in TABLES.items()
    }


def random_value(chance: Random, kind: str) -> object:
    """Draw a value of a column's type."""
    if kind.startswith("struct"):
        return {name: chance.randint(0, 3) for name in ("a", "n") if f"{name} integer" in kind}
    if kind.endswith("[]"):
        return [chance.randint(0, 3) for _ in range(chance.randint(0, 2))]
    return chance.choice([0, 1, 2, 3, None])


@contextmanager
def holding(rows: Rows, more: Mapping[str, str] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Hold the rows in tables; `more` adds a column of some type to a table."""
    with duckdb.connect() as connection:
        for table, columns in TABLES.items():
            connection.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
            for row in rows[table]:
                connection.execute(f"insert into {table} values ({', '.join('?' for _ in columns)})", [row[name] for name in columns])
            if table in (more or {}):
                connection.execute(f"alter table {table} add column nobody_reads_it {(more or {})[table]} default 7")
        yield connection


def answer(connection: duckdb.DuckDBPyConnection, sql: str) -> Answer | None:
    """Return what a query gives as a table would keep it; None where DuckDB refuses it."""
    try:
        connection.execute(f"create or replace temp table answer as {sql.rstrip('; ')}")
    except duckdb.Error:
        return None
    described = connection.execute("select column_name, column_type from (describe answer)").fetchall()
    return tuple(described), tuple(sorted(map(repr, connection.execute("from answer").fetchall())))


def blocks(name: str) -> list[tuple[str, str]]:
    """Return the blocks of a case file: the line after `==`, and what stands below it."""
    text = (CASES / name).read_text(encoding="utf-8")
    parts = [part.split("\n", 1) for part in text.split("\n== ")[1:]]
    return [(title.strip(), body.strip()) for title, body in parts]
