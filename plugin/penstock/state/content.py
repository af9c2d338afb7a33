"""Asking the warehouse for the version of what a relation holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.assets.records import Projection
from penstock.compiler.content import Columns, content_query
from penstock.errors import WarehouseError
from penstock.parser.query import QueryFacts
from penstock.state.store import Statements


@dataclass(frozen=True, slots=True)
class Content:
    """What a relation holds: number of rows, version, and the version of each set of columns that was asked for."""

    rows: int
    version: str
    projected: tuple[str, ...] = ()


def content_of(sql: Statements, relation: str, projections: Sequence[Sequence[str]] = (), columns: Columns | None = None) -> Content:
    """Look at all rows of a relation or subquery; its columns are asked for where they are not given.

    Raises WarehouseError where it cannot be read.
    """
    columns = sql.run("describe", relation=relation) if columns is None else columns
    rows, version, *projected = sql.connection.execute(content_query(relation, columns, projections))[0]
    return Content(int(rows), str(version), tuple(map(str, projected)))


def contents_of(sql: Statements, relations: Sequence[tuple[str, Columns]]) -> list[Content]:
    """Look at all rows of several relations with one statement. Raises WarehouseError where any of them cannot be read."""
    if not relations:
        return []
    each = (f"select {number}, * from ({content_query(*relation)})" for number, relation in enumerate(relations))
    rows = sorted(sql.connection.execute(" union all ".join(each)))
    return [Content(int(count), str(version)) for _, count, version in rows]


def canonical_in(sql: Statements, query: QueryFacts) -> str:
    """Return the canonical hash of a query as it counts in this warehouse, whose tables spell names in their own way."""
    if not query.repeated:
        return query.canonical
    try:
        return query.canonical_among([row[0] for table in query.tables for row in sql.run("describe", relation=table.sql)])
    except WarehouseError:
        return query.canonical_among(None)


def record_projections(sql: Statements, run_id: str, projections: Mapping[Projection, str]) -> None:
    """Append what some columns alone hold in some version."""
    if projections:
        values = {
            "assets": [asset for asset, _, _ in projections],
            "versions": [version for _, version, _ in projections],
            "columns": [list(columns) for _, _, columns in projections],
            "projected": list(projections.values()),
        }
        sql.run("insert_projections", {"run_id": run_id, **values})
