"""Steps to SQL: how the native executor writes a relation. The query stays as dbt compiled it; names go through the quoting function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.assets.names import RelationName

Statements = tuple[str, ...]


def create_view(relation: RelationName, query: str, existing: str | None) -> Statements:
    """Return what makes a view; a table of that name goes first, as in dbt."""
    return (*_drop_other(relation, "view", existing), f"create or replace view {relation.sql} as (\n{query}\n)")


def create_table(relation: RelationName, query: str, existing: str | None) -> Statements:
    """Return what makes a table anew; a view of that name goes first, as in dbt."""
    return (*_drop_other(relation, "table", existing), f"create or replace table {relation.sql} as (\n{query}\n)")


def append_table(relation: RelationName, query: str, existing: str | None) -> Statements:
    """Return what adds a query's rows to a table, columns by name; the first time makes the table."""
    if existing != "table":
        return create_table(relation, query, existing)
    return (f"insert into {relation.sql} by name (\n{query}\n)",)


NATIVE: Mapping[str, Callable[[RelationName, str, str | None], Statements]] = {
    "view": create_view,
    "table": create_table,
    "replace": create_table,
    "append": append_table,
}
"""What the native executor can write: dbt's materializations and the write modes of ingestion files."""

RELATION_TYPES: Mapping[str, str] = {"view": "view", "table": "table", "replace": "table", "append": "table"}


def _drop_other(relation: RelationName, wanted: str, existing: str | None) -> Statements:
    return (f"drop {existing} {relation.sql} cascade",) if existing not in (None, wanted) else ()
