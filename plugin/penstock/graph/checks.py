"""Checks in the graph: one node for each asset that a check looks at, below that asset and all else it reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock.assets.asset import Asset, EdgeKind, Kind, TestSpec
from penstock.assets.check import CheckSpec
from penstock.assets.fingerprint import fingerprint
from penstock.assets.names import AssetKey, RelationName
from penstock.graph.asset_graph import AssetGraph, Edge
from penstock.parser.checks import CheckFile

CHECK_PREFIX = "check"


def testable(asset: Asset) -> bool:
    """Whether an asset has rows for a check to look at."""
    has_rows = asset.builds_relation or asset.kind is Kind.SOURCE
    return has_rows and asset.relation is not None and asset.kind is not Kind.FUNCTION and asset.materialized != "ephemeral"


@dataclass(frozen=True, slots=True)
class CheckNode:
    """A check on one asset, before it is in the graph; a broken one may have no asset. `reads` are all relations it reads."""

    name: str
    path: str
    spec: CheckSpec
    asset: AssetKey = ""
    reads: tuple[RelationName, ...] = ()
    tags: tuple[str, ...] = ()
    owner: str = ""
    description: str = ""


def nodes_of(file: CheckFile, tested: Sequence[AssetKey]) -> list[CheckNode]:
    """Return a check file's nodes: one for each asset, or a broken file's own."""
    header = file.header
    keys = [""] if file.error is not None else tested
    return [
        CheckNode(file.name, file.path, file.spec, key, file.facts.tables, tuple(header.tags), header.owner, header.description)
        for key in keys
    ]


def with_checks(graph: AssetGraph, nodes: Sequence[CheckNode], database: str, history: Callable[[AssetKey], str]) -> AssetGraph:
    """Return the graph with checks in it; `database` is the target's own, `history` gives what that relation is for an asset.

    A broken check is a node without parents, which fails.
    """
    relations = {asset.relation.normalised(database): asset.key for asset in graph.assets if asset.relation and testable(asset)}
    edges: list[Edge] = []
    assets: list[Asset] = []
    for node in nodes:
        assets.append(_asset(node, graph[node.asset] if node.asset else None, history))
        read = [key for table in node.reads if (key := relations.get(table.normalised(database)))]
        edges += [(parent, assets[-1].key, EdgeKind.TEST) for parent in dict.fromkeys([node.asset, *read]) if parent]
    return AssetGraph([*graph.assets, *assets], [*graph.edges(), *edges]) if assets else graph


def _asset(node: CheckNode, tested: Asset | None, history: Callable[[AssetKey], str]) -> Asset:
    spec = node.spec
    if tested is not None and tested.relation is not None:
        spec = dataclasses.replace(spec, this=tested.relation.sql, history=history(tested.key) if spec.reads_history else "")
    counted = ("severity", "error_if", "warn_if", "scope", "this", "history", "insufficient_sql", "error")
    verdict = fingerprint({name: getattr(spec, name) for name in counted})
    return Asset(
        key=f"{CHECK_PREFIX}.{node.name}.{tested.key}" if tested is not None else f"{CHECK_PREFIX}.{node.path}",
        kind=Kind.CHECK,
        name=node.name,
        path=node.path,
        fqn=(CHECK_PREFIX, node.name),
        tags=node.tags,
        materialized="test",
        owner=node.owner,
        description=node.description,
        config={"severity": spec.severity, "tags": list(node.tags)},
        fingerprint=fingerprint({"sql": spec.sql, "verdict": verdict}),
        config_version=verdict,
        test=TestSpec(attached_node=node.asset, severity=spec.severity.upper(), warn_if=spec.warn_if, error_if=spec.error_if),
        check=spec,
    )
