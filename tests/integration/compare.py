"""Two databases side by side: the same relations, column types and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

CLOCK_COLUMNS = frozenset({"dbt_valid_from", "dbt_valid_to", "dbt_updated_at", "dbt_scd_id"})
"""What a snapshot of strategy `check` fills from the clock; whether it is null is compared, its value is not."""


@dataclass(frozen=True)
class Relation:
    """One table or view: kind, columns with types, comments, and rows as a multiset."""

    kind: str
    columns: tuple[tuple[str, str], ...]
    comments: tuple[Any, ...]
    rows: Counter[tuple[Any, ...]]


def compare(one: Path, other: Path, *, clock: Collection[str] = (), leave_out: Collection[str] = ()) -> list[str]:
    """Return what differs, one line each; `clock` names snapshots whose times are not compared (as `schema.table`)."""
    left, right = read(one, clock), read(other, clock)
    problems = [f"only in {one.parent.name}: {name}" for name in left.keys() - right.keys() - set(leave_out)]
    problems += [f"only in {other.parent.name}: {name}" for name in right.keys() - left.keys() - set(leave_out)]
    for name in sorted((left.keys() & right.keys()) - set(leave_out)):
        problems += _differences(name, left[name], right[name])
    return problems


def read(database: Path, clock: Collection[str] = ()) -> dict[str, Relation]:
    """Read every relation outside Penstock's own schema."""
    with closing(duckdb.connect(str(database), read_only=True)) as connection:
        found = connection.execute(
            "select schema_name, table_name, 'table', comment from duckdb_tables() where schema_name <> 'penstock' and not internal "
            "union all select schema_name, view_name, 'view', comment from duckdb_views() where schema_name <> 'penstock' and not internal"
        ).fetchall()
        return {
            f"{schema}.{name}": _relation(connection, schema, name, kind, comment, f"{schema}.{name}" in clock)
            for schema, name, kind, comment in found
        }


def _relation(connection: duckdb.DuckDBPyConnection, schema: str, name: str, kind: str, comment: Any, clock: bool) -> Relation:
    columns = connection.execute(
        "select column_name, data_type, comment, is_nullable from duckdb_columns() where schema_name = ? and table_name = ? "
        "order by column_index",
        [schema, name],
    ).fetchall()
    quoted = '"{}"."{}"'.format(schema.replace('"', '""'), name.replace('"', '""'))
    masked = [
        ("{0} is not null as {0}" if clock and column[0] in CLOCK_COLUMNS else "{0}").format('"' + column[0].replace('"', '""') + '"')
        for column in columns
    ]
    rows = connection.execute(f"select {', '.join(masked)} from {quoted}").fetchall()
    kept = tuple((column[0], f"{column[1]}{'' if column[3] else ' not null'}") for column in columns)
    return Relation(kind, kept, (comment, *(column[2] for column in columns)), Counter(map(_hashable, rows)))


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    if isinstance(value, dict):
        return tuple((key, _hashable(item)) for key, item in value.items())
    return "nan" if isinstance(value, float) and value != value else value


def _differences(name: str, left: Relation, right: Relation) -> list[str]:
    problems = [
        f"{name}: {what} {getattr(left, what)} <> {getattr(right, what)}"
        for what in ("kind", "columns", "comments")
        if getattr(left, what) != getattr(right, what)
    ]
    missing, extra = left.rows - right.rows, right.rows - left.rows
    if missing or extra:
        problems.append(
            f"{name}: {left.rows.total()} rows <> {right.rows.total()}; only left {list(missing)[:3]}; only right {list(extra)[:3]}"
        )
    return problems
