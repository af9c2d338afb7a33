"""The queries that ask when a source was last loaded; source: dbt's `collect_freshness` and `collect_freshness_custom_sql`.

Field, filter and query are SQL that the project itself says, and stand in the text as they do in dbt's.
"""

from __future__ import annotations

NOW = "now()"
"""dbt-duckdb's `current_timestamp()`."""


def freshness_query(relation: str, loaded_at_field: str, where: str = "") -> str:
    """Return the query for the latest `loaded_at_field` of a quoted relation.

    >>> freshness_query('"raw"."orders"', "at", "id > 0")
    'select max(at) as max_loaded_at, now() as snapshotted_at from "raw"."orders" where id > 0'
    """
    return f"select max({loaded_at_field}) as max_loaded_at, {NOW} as snapshotted_at from {relation}{f' where {where}' if where else ''}"


def freshness_of_query(loaded_at_query: str) -> str:
    """Return the query around a source's own, which gives one value; a comment may end it.

    >>> print(freshness_of_query("select max(at) from raw.orders -- all"))
    with source_query as (select max(at) from raw.orders -- all
    )
    select (select * from source_query) as max_loaded_at, now() as snapshotted_at
    """
    return f"with source_query as ({loaded_at_query}\n)\nselect (select * from source_query) as max_loaded_at, {NOW} as snapshotted_at"
