"""Assets and graphs made by hand: names alone where nothing else matters."""

from __future__ import annotations

from typing import Any

from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.graph.asset_graph import AssetGraph, Edge


def node(key: str, kind: Kind = Kind.MODEL, **more: Any) -> Asset:
    """Return an asset; a key `test.x` is a test, `unit_test.x` a unit test, `source.x` a source, anything else a model."""
    prefix = key.split(".", maxsplit=1)[0]
    kind = {"test": Kind.TEST, "unit_test": Kind.UNIT_TEST, "source": Kind.SOURCE, "seed": Kind.SEED, "exposure": Kind.EXPOSURE}.get(
        prefix, kind
    )
    return Asset(key=key, kind=kind, name=key.rsplit(".", maxsplit=1)[-1], path=f"models/{key}.sql", **more)


def graph_of(*edges: str, **assets: Asset) -> AssetGraph:
    """Make a graph of texts such as `a -> b` (several parents: `a, b -> c`; one node: `a`)."""
    known = {asset.key: asset for asset in assets.values()}
    found: list[Edge] = []
    for text in edges:
        left, _, right = text.partition("->")
        for key in [part.strip() for part in f"{left},{right}".split(",") if part.strip()]:
            known.setdefault(key, node(key))
        if right:
            child = right.strip()
            kind = EdgeKind.TEST if known[child].is_test else EdgeKind.DATA
            found += [(parent.strip(), child, kind) for parent in left.split(",")]
    return AssetGraph(known.values(), found)


def source(name: str, schema: str = "raw", database: str = "db", config: dict[str, Any] | None = None, **spec: Any) -> Asset:
    """Return a dbt source with a relation."""
    return Asset(
        key=f"source.shop.{schema}.{name}", kind=Kind.SOURCE, name=name, path="models/sources.yml", config=config or {},
        relation=RelationName(database, schema, name), source=SourceSpec(spec.pop("source_name", schema), **spec),
    )  # fmt: skip


def table(key: str, schema: str = "main", name: str = "", kind: Kind = Kind.MODEL, **more: Any) -> Asset:
    """Return an asset that makes a table."""
    relation = RelationName("db", schema, name or key.rsplit(".", maxsplit=1)[-1])
    return Asset(
        key=key, kind=kind, name=key.rsplit(".", maxsplit=1)[-1], path=f"models/{key}.sql", relation=relation, materialized="table", **more
    )


def ingested(key: str, error: str = "") -> Asset:
    """Return an ingest of its own."""
    name = key.rsplit(".", maxsplit=1)[-1]
    spec = IngestSpec(path=f"ingest/raw/{name}.sql", sql="select 1", error=error)
    return Asset(key=key, kind=Kind.INGEST, name=name, relation=RelationName("db", "raw", name), materialized="replace", ingest=spec)
