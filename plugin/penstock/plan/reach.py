"""What changes reach: columns through column lineage, and what reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from penstock.assets.asset import Asset, Kind
from penstock.assets.names import AssetKey
from penstock.assets.records import StateSnapshot
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.column_graph import AssetColumnEdge
from penstock.parser.column_lineage import EVERY_COLUMN, ROWS
from penstock.plan.difference import Impact

Touched = frozenset[str] | None
"""The lower-case columns of an asset whose values may be others; None: all of them, in other rows too."""

NOTHING: Touched = frozenset()


def reach(
    graph: AssetGraph, start: Mapping[AssetKey, Touched], edges: Iterable[AssetColumnEdge], read: Iterable[AssetKey]
) -> dict[AssetKey, Touched]:
    """Return what may hold other values, in the graph's order, what was changed itself among it.

    `edges` are the lineage of the queries that were `read`; anything else depends on all that its parents are.
    """
    into: dict[AssetKey, list[AssetColumnEdge]] = defaultdict(list)
    for edge in edges:
        into[edge.to_asset].append(edge)
    known = set(read)
    found: dict[AssetKey, Touched] = {}
    for number, asset in enumerate(graph.assets):
        parents = [graph.assets[parent].key for parent in graph.parents[number]]
        own = start.get(asset.key, NOTHING)
        reached = [parent for parent in parents if parent in found]
        if own is None or any(found[parent] is None for parent in reached):
            found[asset.key] = None
        elif reached and asset.key not in known:
            found[asset.key] = _passed_on(asset, [found[parent] for parent in reached])
        else:
            columns = _through(into[asset.key], found)
            if columns is None or columns or own:
                found[asset.key] = None if columns is None else own | columns
    return found


def _passed_on(asset: Asset, touched: Sequence[Touched]) -> Touched:
    """A source stands for what loads it, column by column; of anything else nothing is known."""
    return touched[0] if asset.is_plain_source and len(touched) == 1 else None


def _through(edges: Iterable[AssetColumnEdge], found: Mapping[AssetKey, Touched]) -> Touched:
    columns: set[str] = set()
    for edge in edges:
        touched = found.get(edge.from_asset, NOTHING)
        if touched is not None and edge.from_column.lower() not in touched and not (touched and edge.from_column == EVERY_COLUMN):
            continue
        if edge.to_column in (ROWS, EVERY_COLUMN):
            return None
        columns.add(edge.to_column.lower())
    return frozenset(columns)


def impact(
    graph: AssetGraph, reached: Mapping[AssetKey, Touched], rebuilt: Iterable[AssetKey], columns: Mapping[AssetKey, Sequence[str]],
    state: StateSnapshot | None,
) -> Impact:  # fmt: skip
    """Return the impact of what was reached and of what is only built again; without a state nothing is estimated."""
    again = set(rebuilt)
    keys = [asset.key for asset in graph.assets if (asset.key in reached or asset.key in again)]
    assets = [key for key in keys if _holds_data(graph[key]) or graph[key].kind in (Kind.METRIC, Kind.SEMANTIC_MODEL, Kind.SAVED_QUERY)]
    exposures = [graph[key] for key in keys if graph[key].kind is Kind.EXPOSURE]
    built = [key for key in assets if graph[key].builds_relation]
    return Impact(
        assets=tuple(assets),
        columns=tuple((key, column) for key in assets for column in _columns(reached.get(key, NOTHING), columns.get(key))),
        checks=tuple(asset.key for asset in graph.assets if _is_check(asset) and _looks_at(graph, asset, reached, again)),
        exposures=tuple((asset.key, asset.owner) for asset in exposures),
        partitions=None if state is None else sum(len(state.partitions.get(key, ())) for key in built),
        rows=None if state is None else sum(_rows(state, key) for key in built),
    )


def _holds_data(asset: Asset) -> bool:
    return asset.builds_relation or asset.ephemeral or asset.kind is Kind.SOURCE


def _is_check(asset: Asset) -> bool:
    return asset.is_test or asset.kind is Kind.CHECK


def _columns(touched: Touched, known: Sequence[str] | None) -> list[str]:
    if touched is None:
        return list(known) if known else [EVERY_COLUMN]
    return sorted(touched)


def _looks_at(graph: AssetGraph, check: Asset, reached: Mapping[AssetKey, Touched], again: set[AssetKey]) -> bool:
    """Whether a check's result may be another: one of a single column looks at no other."""
    column = check.test.column.strip('"').lower() if check.test is not None else ""
    parents = [graph.assets[parent].key for parent in graph.parents[graph.ids[check.key]]]
    if not column or len(parents) != 1:
        return any(parent in reached or parent in again for parent in parents)
    touched = reached.get(parents[0], NOTHING)
    return touched is None or column in touched or EVERY_COLUMN in touched or parents[0] in again


def _rows(state: StateSnapshot, key: AssetKey) -> int:
    held = state.partitions.get(key)
    if held:
        return sum(one.rows for one in held.values())
    made = state.materializations.get(key)
    return (made.rows or 0) if made is not None else 0
