"""Columns whose values must not be shown: what `meta.penstock.mask` names, and whatever is made of it further down."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from penstock.app.settings import Settings
from penstock.app.side_queries import at_hand
from penstock.assets.asset import Asset
from penstock.assets.names import AssetKey
from penstock.compiler.samples import masked_columns
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.differences import with_ancestors


def masked_names(
    settings: Settings, graph: AssetGraph, keys: Sequence[AssetKey], columns: Mapping[AssetKey, Sequence[str]]
) -> dict[AssetKey, frozenset[str] | None]:
    """Return the lower-case names of masked columns of some assets and what lies above them, None for all columns.

    `columns` are those that relations have. Where a query cannot be followed, or is not at hand, all of its columns are masked.
    """
    above = list(with_ancestors(graph, keys))
    queries = at_hand(settings, graph, above) if any(graph[key].penstock.get("mask") for key in above) else {}
    found: dict[AssetKey, frozenset[str] | None] = {}
    for key in above:
        own, parents = _own(graph[key]), [found[graph.assets[parent].key] for parent in graph.parents[graph.ids[key]]]
        mask = _united(parents)
        if mask is not None and not mask:
            found[key] = own
        elif mask is None or key not in queries or not columns.get(key):
            found[key] = None
        else:
            found[key] = own | {name.lower() for name in masked_columns(queries[key], columns[key], mask)}
    return found


def _own(asset: Asset) -> frozenset[str]:
    mask = asset.penstock.get("mask") or ()
    return frozenset(str(name).lower() for name in ([mask] if isinstance(mask, str) else mask))


def _united(parents: Collection[frozenset[str] | None]) -> frozenset[str] | None:
    names: set[str] = set()
    for parent in parents:
        if parent is None:
            return None
        names |= parent
    return frozenset(names)
