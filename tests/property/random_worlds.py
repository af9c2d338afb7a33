"""Random graphs and random states of them, for properties of gates, planner and schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.assets.records import Attempt, CheckResult, InputVersion, Materialization, Observation, StateSnapshot, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts

NOON = datetime(2024, 1, 1, 12)
MODELS = ("view", "table", "incremental", "ephemeral", "my_own")
CODE = st.sampled_from(["v1", "v1", "v1", "v2"])
VERSION = st.sampled_from(["1", "1", "1", "2"])
MOSTLY = st.sampled_from([True, True, True, True, True, False])
SELDOM = st.sampled_from([False] * 9 + [True])


def _asset(draw: Any, number: int) -> Asset:
    kind = draw(
        st.sampled_from(
            [Kind.MODEL] * 5 + [Kind.SOURCE, Kind.SOURCE, Kind.INGEST, Kind.SEED, Kind.TEST, Kind.TEST, Kind.UNIT_TEST, Kind.EXPOSURE]
        )
    )
    materialized = {Kind.MODEL: draw(st.sampled_from(MODELS)), Kind.INGEST: "replace", Kind.SEED: "seed"}.get(kind, "")
    ingests = kind is Kind.INGEST or (kind is Kind.SOURCE and draw(SELDOM))
    has_relation = kind in (Kind.MODEL, Kind.SOURCE, Kind.INGEST, Kind.SEED) and materialized != "ephemeral"
    return Asset(
        key=f"{kind.value}.n{number}",
        kind=kind,
        name=f"n{number}",
        materialized=materialized,
        fingerprint=draw(CODE),
        recompile=draw(SELDOM) and kind is Kind.MODEL,
        relation=RelationName("db", "s", f"n{number}") if has_relation else None,
        source=SourceSpec("raw") if kind is Kind.SOURCE else None,
        ingest=IngestSpec(path="p", sql="select 1", error="broken" if draw(SELDOM) else "") if ingests else None,
    )


@st.composite
def graphs(draw: Any, largest: int = 9) -> AssetGraph:
    """Draw a graph in which tests have parents and no children, and sources and seeds have no parents but producers."""
    assets = [_asset(draw, number) for number in range(draw(st.integers(1, largest)))]
    edges = []
    for below, child in enumerate(assets):
        for parent in assets[:below]:
            if parent.is_test or parent.kind is Kind.EXPOSURE or child.kind in (Kind.SEED, Kind.INGEST):
                continue
            if child.kind is Kind.SOURCE and (child.ingest is not None or not parent.builds_relation):
                continue
            if draw(st.integers(0, 2)) == 0:
                kind = EdgeKind.PRODUCER if child.kind is Kind.SOURCE else EdgeKind.TEST if child.is_test else EdgeKind.DATA
                edges.append((parent.key, child.key, kind))
    return AssetGraph(assets, edges)


def _observed(draw: Any, graph: AssetGraph) -> dict[str, Observation]:
    names = [asset.key for asset in graph.assets if asset.kind is Kind.SOURCE and draw(MOSTLY)] + ["file:a", "table:t"]
    strengths = st.sampled_from([Strength.CONTENT] * 8 + [Strength.LISTING, Strength.UNKNOWN])
    return {name: Observation(name, draw(VERSION), draw(strengths)) for name in names if draw(MOSTLY)}


@st.composite
def worlds(draw: Any) -> Facts:
    """Draw facts in which most things are current, so that skipping is tempting."""
    graph = draw(graphs())
    built: dict[str, Materialization] = {}
    for asset in graph.assets:
        if asset.builds_relation and draw(MOSTLY):
            built[asset.key] = Materialization(asset.key, "", "r", int(draw(VERSION)), draw(CODE), "d", 1, "", NOON)
    bare = Facts(
        graph=graph, state=StateSnapshot(materializations=built), selected=frozenset(), observed=_observed(draw, graph), database="db"
    )
    inputs: dict[str, tuple[InputVersion, ...]] = {}
    checks: dict[str, CheckResult] = {}
    for number, asset in enumerate(graph.assets):
        names = [graph.assets[parent].key for parent in bare.inputs[number]] + [extra for extra in ("file:a", "table:t") if draw(SELDOM)]
        current = [InputVersion(name, (bare.version(name) or "1") if draw(MOSTLY) else draw(VERSION)) for name in names if draw(MOSTLY)]
        if asset.key in built:
            inputs[asset.key] = tuple(current)
        if asset.is_test and draw(MOSTLY):
            digest = bare.inputs_version(number) if draw(MOSTLY) else "other"
            checks[asset.key] = CheckResult(
                asset.key, draw(st.sampled_from(["pass", "pass", "warn", "fail", "error"])), draw(CODE), "r", digest
            )
    keys = [asset.key for asset in graph.assets]
    state = StateSnapshot(
        materializations=built,
        inputs=inputs,
        checks=checks,
        attempts={key: Attempt(key, "", "success" if draw(MOSTLY) else "failed", "r", "") for key in keys if draw(MOSTLY)},
        volatile={key: "now()" for key in keys if draw(SELDOM)},
        failed_partitions={key: ("p",) for key in keys if draw(SELDOM)},
        crashed=frozenset(key for key in keys if draw(SELDOM)),
    )
    types = {"view": "view"}
    standing = {
        RelationName("db", "s", asset.name): types.get(asset.materialized, "table") if draw(MOSTLY) else "view"
        for asset in graph.assets
        if asset.relation is not None and draw(MOSTLY)
    }
    everything = frozenset(range(len(graph)))
    selected = everything if draw(st.booleans()) else frozenset(draw(st.sets(st.sampled_from(sorted(everything)))))
    return Facts(
        graph=graph, state=state, selected=selected, standing=standing, observed=bare.observed, database="db",
        force=draw(SELDOM), full_refresh=draw(SELDOM),
    )  # fmt: skip
