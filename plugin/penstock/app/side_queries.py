"""Compiled queries of two versions of a project, made comparable: as by a full refresh, whatever stands by now."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from penstock.app.atomic import write_atomically
from penstock.app.compiled import CompiledQueries
from penstock.app.gateway import DbtGateway
from penstock.app.settings import Settings
from penstock.assets.asset import Asset, Kind
from penstock.assets.names import AssetKey, RelationName
from penstock.errors import PenstockError
from penstock.graph.asset_graph import AssetGraph

Show = Callable[[str], None]
Queries = dict[AssetKey, str]

QUERIES_FILE = "queries.json"


def compiled(
    graph: AssetGraph, queries: CompiledQueries, gateway: DbtGateway, keys: Collection[AssetKey]
) -> tuple[Queries, dict[AssetKey, str]]:
    """Compile what is not at hand; what dbt cannot compile is named with dbt's reason.

    Gateways refresh fully: then a query does not depend on which tables stand by now.
    """
    found: Queries = {}
    failed: dict[AssetKey, str] = {}
    for key in keys:
        try:
            asset = graph[key]
            found[key] = asset.ingest.sql if asset.ingest is not None else queries.get(asset)[0]
        except PenstockError as error:
            failed[key] = error.message.splitlines()[0]
    gateway.close()  # one session at a time: the other side may need its own
    return found, failed


def compiled_queries(settings: Settings, graph: AssetGraph, keys: Collection[AssetKey], show: Show) -> tuple[Queries, dict[AssetKey, str]]:
    """Return the project's own compiled queries, and why some cannot be had; what dbt had to compile is kept for the next run."""
    place = settings.work / "bases" / QUERIES_FILE
    kept = {str(one): str(sql) for one, sql in read_json(place).items()}
    gateway = DbtGateway(settings, show, full_refresh=True)
    queries = CompiledQueries(settings.work / "compiled.json", gateway)
    by_dbt = [graph[key] for key in keys if not queries.has(graph[key]) and graph[key].ingest is None]
    known = {asset.key: kept[asset.fingerprint] for asset in by_dbt if asset.fingerprint in kept}
    found, failed = compiled(graph, queries, gateway, [key for key in keys if key not in known])
    fresh = {asset.fingerprint: found[asset.key] for asset in by_dbt if asset.key in found and not asset.recompile}
    if fresh:
        current = {asset.fingerprint for asset in graph.assets}
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, json.dumps({one: sql for one, sql in {**kept, **fresh}.items() if one in current}))
    return {**known, **found}, failed


def has_query(asset: Asset) -> bool:
    """Whether an asset has a query that can be compared."""
    if asset.ingest is not None:
        return not asset.ingest.error
    return asset.kind in (Kind.MODEL, Kind.SNAPSHOT) and asset.language == "sql" and not asset.empty


def at_hand(settings: Settings, graph: AssetGraph, keys: Collection[AssetKey]) -> Queries:
    """Return those queries that need no compiler."""
    queries = CompiledQueries(settings.work / "compiled.json")
    found: Queries = {}
    for key in keys:
        asset = graph[key]
        if has_query(asset) and (asset.ingest is not None or queries.has(asset)):
            found[key] = asset.ingest.sql if asset.ingest is not None else queries.get(asset)[0]
    return found


def moved_relations(base: AssetGraph, head: AssetGraph) -> dict[RelationName, RelationName]:
    """Map the base's relations to those that the same assets have here."""
    pairs = ((asset.relation, head[asset.key].relation) for asset in base.assets if asset.key in head)
    return {one: other for one, other in pairs if one is not None and other is not None and one.normalised() != other.normalised()}


def read_json(path: Path) -> Mapping[str, Any]:
    """Return a cached JSON object, empty where it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
