"""A graph as plain JSON values and back: the cache under the target folder. Plain, so that a planted cache runs no code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.assets.asset import Asset, Column, EdgeKind, IngestSpec, Kind, SourceSpec, TestSpec
from penstock.assets.names import RelationName
from penstock.errors import GraphError
from penstock.graph.asset_graph import AssetGraph

_FIELDS = tuple(field.name for field in dataclasses.fields(Asset))
_PARTS: Mapping[str, type] = {"relation": RelationName, "test": TestSpec, "source": SourceSpec, "ingest": IngestSpec}
_TUPLES = ("fqn", "tags", "obstacles")


def encode_graph(graph: AssetGraph) -> dict[str, Any]:
    """Return the graph as values that `json` can write."""
    return {
        "fields": _FIELDS,
        "assets": [[_encode(getattr(asset, name)) for name in _FIELDS] for asset in graph.assets],
        "edges": [[parent, child, kind.value] for (parent, child), kind in graph.edge_kind.items()],
    }


def decode_graph(raw: Mapping[str, Any]) -> AssetGraph:
    """Return the graph again. Raises ValueError where the values are damaged or were written by another version."""
    try:
        if tuple(raw["fields"]) != _FIELDS:
            raise ValueError("the cached graph has other fields")
        assets = [_decode(row) for row in raw["assets"]]
        keys = [asset.key for asset in assets]
        return AssetGraph(assets, [(keys[parent], keys[child], EdgeKind(kind)) for parent, child, kind in raw["edges"]])
    except (LookupError, TypeError, AttributeError, GraphError) as error:
        raise ValueError("the cached graph is damaged") from error


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [_encode(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(row: Sequence[Any]) -> Asset:
    values = dict(zip(_FIELDS, row, strict=True))
    values["kind"] = Kind(values["kind"])
    for name in _TUPLES:
        values[name] = tuple(values[name])
    values["columns"] = tuple(Column(*column) for column in values["columns"])
    for name, part in _PARTS.items():
        if values[name] is not None:
            values[name] = part(*[tuple(item) if isinstance(item, list) else item for item in values[name]])
    return Asset(**values)
