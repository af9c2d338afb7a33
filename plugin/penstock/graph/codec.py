"""A graph as plain JSON values and back: the cache under the target folder. Plain, so that a planted cache runs no code.

Ten thousand assets share most of what they say, so each field is a column: its distinct values, and which of them each
asset has. What is written once is read, made and kept once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import starmap
from typing import Any

from penstock.assets.asset import Asset, Column, EdgeKind, IngestSpec, Kind, SourceSpec, TestSpec
from penstock.assets.check import CheckSpec
from penstock.assets.names import RelationName
from penstock.errors import GraphError
from penstock.graph.asset_graph import AssetGraph

_FIELDS = tuple(field.name for field in dataclasses.fields(Asset))

Decoder = Callable[[Any], Any]


def encode_graph(graph: AssetGraph) -> dict[str, Any]:
    """Return the graph as values that `json` can write."""
    return {
        "fields": _FIELDS,
        "assets": [_encode_column(getattr(asset, name) for asset in graph.assets) for name in _FIELDS],
        "parents": [parent for parent, _ in graph.edge_kind],
        "children": [child for _, child in graph.edge_kind],
        "kinds": _encode_column(graph.edge_kind.values()),
    }


def decode_graph(raw: Mapping[str, Any]) -> AssetGraph:
    """Return the graph again. Raises ValueError where the values are damaged or were written by another version."""
    try:
        if tuple(raw["fields"]) != _FIELDS:
            raise ValueError("the cached graph has other fields")
        columns = [_decode_column(column, _DECODERS.get(name)) for name, column in zip(_FIELDS, raw["assets"], strict=True)]
        ends = zip(raw["parents"], raw["children"], strict=True)
        edges = zip(ends, _decode_column(raw["kinds"], EdgeKind), strict=True)
        return AssetGraph.in_order(starmap(Asset, zip(*columns, strict=True)), dict(edges))
    except (LookupError, TypeError, AttributeError, GraphError) as error:
        raise ValueError("the cached graph is damaged") from error


def _encode_column(values: Iterable[Any]) -> list[Any]:
    """Return distinct values, and for each value its place among them; equal `repr`s tell 1 from True and need no hash."""
    places: dict[str, int] = {}
    distinct: list[Any] = []
    rows: list[int] = []
    for value in values:
        place = places.setdefault(repr(value), len(places))
        if place == len(distinct):
            distinct.append(_encode(value))
        rows.append(place)
    return [distinct, rows]


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [_encode(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode_column(column: Sequence[Any], decode: Decoder | None) -> list[Any]:
    distinct, rows = column
    values = list(map(decode, distinct)) if decode else distinct
    return [values[place] for place in rows]


def _part(part: type) -> Decoder:
    def decode(values: Sequence[Any] | None) -> Any:
        return None if values is None else part(*[tuple(item) if isinstance(item, list) else item for item in values])

    return decode


_DECODERS: Mapping[str, Decoder] = {
    "kind": Kind,
    "fqn": tuple,
    "tags": tuple,
    "obstacles": tuple,
    "columns": lambda columns: tuple(starmap(Column, columns)),
    "relation": _part(RelationName),
    "test": _part(TestSpec),
    "check": _part(CheckSpec),
    "source": _part(SourceSpec),
    "ingest": _part(IngestSpec),
}
"""Fields whose JSON value is not yet what an asset holds."""
