"""Queries with the lineage of what is more than a query: snapshots, functions, statements that load a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from penstock.assets.asset import IngestSpec
from penstock.errors import ParseError
from penstock.parser.loading import inserted_columns, inserted_query, loading_tree
from penstock.parser.query import parse_one

_ROWS = "snapshotted"
_META = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to", "dbt_is_deleted")


def snapshot_query(sql: str, config: Mapping[str, Any], dialect: str) -> str:
    """Return a query with the columns that a snapshot's table has, from what they are made of.

    A row is added where the columns that are checked differ, so they decide which rows there are; with the strategy
    `timestamp` that is `updated_at`. Source: dbt's `snapshot_timestamp_strategy` and `snapshot_check_strategy`.
    Raises ParseError where the query or a column's expression cannot be read.
    """
    try:
        keys = [parse_one(key, dialect) for key in _listed(config.get("unique_key"))]
        changed = config.get("updated_at")
        when = parse_one(changed, dialect) if isinstance(changed, str) else None
        checked = [when] if when is not None and config.get("strategy") != "check" else _checked(config, dialect)
        rows = parse_one(sql, dialect)
    except ValueError as error:
        raise ParseError(f"the snapshot cannot be read: {error}") from error
    since = when if when is not None else _any_of(checked)
    until = exp.Window(this=exp.Lead(this=since), partition_by=keys, order=exp.Order(expressions=[since]))
    values = [_any_of([*keys, since]), since, since, until]
    given = config.get("snapshot_meta_column_names")
    names = {name: str((given if isinstance(given, Mapping) else {}).get(name) or name) for name in _META}
    made = [exp.alias_(value.copy(), names[name], quoted=True) for name, value in zip(_META, values, strict=False)]
    if config.get("hard_deletes") == "new_record":
        made.append(exp.alias_(exp.false(), names["dbt_is_deleted"], quoted=True))
    query = exp.select("*", *made, dialect=dialect).from_(exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(_ROWS))))
    return query.where(_is_there([*keys, *checked])).sql(dialect)


def _checked(config: Mapping[str, Any], dialect: str) -> list[exp.Expr]:
    """Return the columns that the strategy `check` compares; all of them are the whole row."""
    columns = config.get("check_cols")
    if not isinstance(columns, list):
        return [exp.column(_ROWS)]
    return [parse_one(str(column), dialect) for column in columns]


def _any_of(values: list[exp.Expr]) -> exp.Expr:
    """Return something that depends on all of these."""
    return exp.func("coalesce", *(value.copy() for value in values))


def _is_there(values: list[exp.Expr]) -> exp.Expr:
    return exp.Not(this=exp.Is(this=exp.Tuple(expressions=[value.copy() for value in values]), expression=exp.null()))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(map(str, value or ()))


def function_query(body: str, name: str, dialect: str) -> str:
    """Return a query whose one column is the value of a function with this body. Raises ParseError where it cannot be read."""
    try:
        tree = parse_one(body, dialect)
    except ValueError as error:
        raise ParseError(f"the function cannot be read: {error}") from error
    value = tree.subquery() if isinstance(tree, exp.Query) else tree
    return exp.select(exp.alias_(value, name, quoted=True)).sql(dialect)


def loading_query(ingest: IngestSpec, dialect: str) -> str:
    """Return the query of an ingestion file, whose columns are those of its table.

    Raises ParseError where there is none, as in a COPY, or where it cannot be read.
    """
    if ingest.write != "statement":
        return ingest.sql
    try:
        tree = loading_tree(ingest, dialect)
    except ValueError as error:
        raise ParseError(f"the statement cannot be read: {error}") from error
    query, columns = inserted_query(tree), inserted_columns(tree)
    if query is None:
        raise ParseError("COPY loads files, and does not say which of their columns")
    if not columns:
        return query.sql(dialect)
    alias = exp.TableAlias(this=exp.to_identifier("loaded"), columns=[exp.to_identifier(name, quoted=True) for name in columns])
    return exp.select("*").from_(exp.Subquery(this=query, alias=alias)).sql(dialect)
