"""Recording which columns the relations have that a run has built."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from penstock.assets.names import AssetKey, RelationName
from penstock.compiler.content import Columns
from penstock.graph.asset_graph import AssetGraph
from penstock.state.columns import record_columns
from penstock.state.store import Statements
from penstock.warehouse.protocol import Warehouse


def record_built_columns(sql: Statements, graph: AssetGraph, database: str, warehouse: Warehouse) -> None:
    """Append what became of the columns of everything that was built; `database` is the target's own.

    The catalog is asked only where the records say that columns changed.
    """
    record_columns(sql, partial(_standing, graph, database, warehouse))


def _standing(graph: AssetGraph, database: str, warehouse: Warehouse, keys: Iterable[AssetKey]) -> dict[AssetKey, Columns]:
    """Return the columns of those relations that stand."""
    relations = {
        key: RelationName(*relation.normalised(database)) for key in keys if key in graph and (relation := graph[key].relation) is not None
    }
    catalog = warehouse.catalog(sorted({(relation.database, relation.schema) for relation in relations.values()}))
    return {key: catalog[relation].columns for key, relation in relations.items() if relation in catalog}
