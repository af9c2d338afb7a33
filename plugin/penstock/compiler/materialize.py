"""Steps to SQL: how the native executor writes a relation. The query stays as dbt compiled it; names go through the quoting function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from penstock.assets.asset import IngestSpec
from penstock.assets.names import RelationName, quote

Statements = tuple[str, ...]

STAGE = '"penstock_stage"'
"""The temporary table into which an ingestion file is read before its transaction begins."""

_SHOWN_KEYS = 5


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


def stage_rows(query: str) -> str:
    """Return what reads a query into the stage, whatever stands there."""
    return f"create or replace temp table {STAGE} as (\n{query}\n)"


def columns_of(query: str) -> str:
    """Return the query for the columns of a query with their types; its placeholders are bound as they are there."""
    return f"select column_name, column_type from (describe select * from (\n{query}\n))"


def empty_table(relation: RelationName, query: str, columns: Sequence[str], existing: str | None) -> Statements:
    """Return what makes a table for the rows of a query without any of them; `columns` are its own names for theirs, if any."""
    names = f" as penstock_rows({', '.join(map(quote, columns))})" if columns else ""
    return create_table(relation, f"select * from (\n{query}\n){names} limit 0", existing)


def insert_rows(relation: RelationName, columns: str, source: str) -> str:
    """Return what adds rows to a table; `columns` are quoted names, `source` stands after FROM."""
    return f"insert into {relation.sql} ({columns}) select {columns} from {source}"


@dataclass(frozen=True, slots=True)
class Key:
    """One column of an upsert's key; `kind` is the type that the table makes of it, "" where it has that already."""

    name: str
    kind: str = ""

    def of(self, alias: str) -> str:
        """Return its value in a row of the stage, as it will be stored.

        >>> Key("id", "INTEGER").of("s")
        'cast(s."id" as INTEGER)'
        """
        column = f"{alias}.{quote(self.name)}"
        return f"cast({column} as {self.kind})" if self.kind else column


def delete_matching(relation: RelationName, keys: Sequence[Key]) -> str:
    """Return what removes the rows whose key is in the stage."""
    same = " and ".join(f"penstock_new.{quote(key.name)} = penstock_old.{quote(key.name)}" for key in keys)
    coming = ", ".join(f"{key.of('penstock_rows')} as {quote(key.name)}" for key in keys)
    new = f"(select {coming} from {STAGE} as penstock_rows) as penstock_new"
    return f"delete from {relation.sql} as penstock_old where exists (select 1 from {new} where {same})"


def missing_keys(keys: Sequence[Key]) -> str:
    """Return the query for keys of the stage that lack a value: each as text, its number of rows, and the number of such rows."""
    return _broken_keys(keys, " or ".join(f"{key.of('penstock_rows')} is null" for key in keys), 1)


def repeated_keys(keys: Sequence[Key]) -> str:
    """Return the query for keys that more than one row of the stage has: each as text, its number of rows, and the number of such rows."""
    return _broken_keys(keys, " and ".join(f"{key.of('penstock_rows')} is not null" for key in keys), 2)


def _broken_keys(keys: Sequence[Key], which: str, at_least: int) -> str:
    values = ", ".join(f"{key.of('penstock_rows')} as penstock_key_{number}" for number, key in enumerate(keys))
    names = [f"penstock_key_{number}" for number, _ in enumerate(keys)]
    texts = ", ".join(f"cast({name} as varchar)" for name in names)
    return (
        f"select {texts}, penstock_count, cast(sum(penstock_count) over () as bigint) from ("
        f"select {', '.join(names)}, count(*) as penstock_count "
        f"from (select {values} from {STAGE} as penstock_rows where {which}) as penstock_values "
        f"group by {', '.join(names)} having count(*) >= {at_least}) as penstock_groups "
        f"order by penstock_count desc, {', '.join(names)} limit {_SHOWN_KEYS}"
    )


def ingest_steps(relation: RelationName, ingest: IngestSpec, existing: str | None) -> Statements:
    """Return what an ingestion file without partitions will run, as far as it is known before its rows are.

    `schema_change` and the checks of keys look at the rows; where columns are listed then, here they go by name.
    """
    if ingest.write == "statement":
        return (ingest.sql,)
    if ingest.write == "replace" or (ingest.write == "append" and not ingest.cursor):
        return NATIVE[ingest.write](relation, ingest.sql, existing)
    rows = f"select * from {STAGE}"
    if existing != "table":
        return (stage_rows(ingest.sql), *create_table(relation, rows, existing))
    matching = (delete_matching(relation, [Key(name) for name in ingest.key]),) if ingest.write == "upsert" else ()
    return (stage_rows(ingest.sql), *matching, f"insert into {relation.sql} by name {rows}")


def _drop_other(relation: RelationName, wanted: str, existing: str | None) -> Statements:
    return (f"drop {existing} {relation.sql} cascade",) if existing not in (None, wanted) else ()
