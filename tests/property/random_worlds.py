"""Random graphs and random states of them, for properties of gates, planner and schedule."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.assets.records import Attempt, CheckResult, InputVersion, Materialization, Observation, StateSnapshot, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts

NOON = datetime(2024, 1, 1, 12)
KINDS = (Kind.SOURCE, *[Kind.MODEL] * 5, Kind.INGEST, Kind.SEED, Kind.TEST, Kind.TEST, Kind.UNIT_TEST, Kind.EXPOSURE)
MODELS = ("view", "table", "incremental", "ephemeral", "my_own")
FAULTS = (
    "code", "never built", "rebuilt", "input changed", "input missing", "source changed", "source unknown", "source unseen", "gone", "other type",
    "failed", "crashed", "failed partition", "volatile", "recompile", "file changed", "file unknown", "broken file", "check failed", "check of other data",
    "force", "full refresh",
)  # fmt: skip


def _asset(draw: Any, number: int) -> Asset:
    kind = draw(st.sampled_from(KINDS if number else KINDS[:1]))
    materialized = {Kind.MODEL: draw(st.sampled_from(MODELS)), Kind.INGEST: "replace", Kind.SEED: "seed"}.get(kind, "")
    has_relation = kind in (Kind.MODEL, Kind.SOURCE, Kind.INGEST, Kind.SEED) and materialized != "ephemeral"
    ingests = kind is Kind.INGEST or (kind is Kind.SOURCE and draw(st.booleans()))
    return Asset(
        key=f"{kind.value}.n{number}",
        kind=kind,
        name=f"n{number}",
        materialized=materialized or ("replace" if ingests else ""),
        fingerprint="v1",
        relation=RelationName("db", "s", f"n{number}") if has_relation else None,
        source=SourceSpec("raw") if kind is Kind.SOURCE else None,
        ingest=IngestSpec(path="p", sql="select 1") if ingests else None,
    )


@st.composite
def graphs(draw: Any, largest: int = 9) -> AssetGraph:
    """Draw a graph in which tests have parents and no children, and sources and seeds have no parents but producers."""
    assets = [_asset(draw, number) for number in range(draw(st.integers(1, largest)))]
    edges = []
    for below, child in enumerate(assets):
        if child.kind in (Kind.SEED, Kind.INGEST):
            continue
        for parent in assets[:below]:
            produces = child.kind is Kind.SOURCE
            if parent.is_test or parent.kind is Kind.EXPOSURE or (produces and (child.ingest is not None or not parent.builds_relation)):
                continue
            if draw(st.integers(0, 4 if produces else 2)) == 1:
                kind = EdgeKind.PRODUCER if produces else EdgeKind.TEST if child.is_test else EdgeKind.DATA
                edges.append((parent.key, child.key, kind))
    return AssetGraph(assets, edges)


class _Current:
    """A state in which every asset of a graph is current, and the faults that may befall it."""

    def __init__(self, graph: AssetGraph) -> None:
        self.graph = graph
        keys = [asset.key for asset in graph.assets if asset.builds_relation]
        self.built = {key: Materialization(key, "", "r", graph.ids[key], "v1", "d", 1, "", NOON) for key in keys}
        self.observed = {asset.key: Observation(asset.key, "s1", Strength.CONTENT) for asset in graph.assets if asset.kind is Kind.SOURCE}
        self.observed["file:a"] = Observation("file:a", "f1", Strength.LISTING)
        self.standing = {
            asset.relation: "view" if asset.materialized == "view" else "table" for asset in graph.assets if asset.relation is not None
        }
        self.attempts = {key: Attempt(key, "", "success", "r", "") for key in keys}
        self.volatile: dict[str, str] = {}
        self.partitions: dict[str, tuple[str, ...]] = {}
        self.crashed: set[str] = set()
        self.options: dict[str, bool] = {}
        ready = self.facts(frozenset())
        self.inputs = {
            key: (
                *(InputVersion(graph.assets[one].key, str(ready.version(graph.assets[one].key))) for one in ready.inputs[graph.ids[key]]),
                InputVersion("file:a", "f1"),
            )
            for key in keys
        }
        tests = [asset.key for asset in graph.assets if asset.is_test]
        self.checks = {key: CheckResult(key, "pass", "v1", "r", ready.inputs_version(graph.ids[key])) for key in tests}

    def facts(self, selected: frozenset[int]) -> Facts:
        state = StateSnapshot(
            materializations=self.built, inputs=getattr(self, "inputs", {}), checks=getattr(self, "checks", {}), attempts=self.attempts,
            volatile=self.volatile, failed_partitions=self.partitions, crashed=frozenset(self.crashed),
        )  # fmt: skip
        standing = {relation: kind for relation, kind in self.standing.items() if relation is not None}
        return Facts(
            graph=self.graph, state=state, selected=selected, standing=standing, observed=self.observed, database="db", **self.options
        )

    def befall(self, fault: str, key: str) -> None:
        """Let one thing be otherwise; nothing where the fault does not fit the asset."""
        asset = self.graph[key]
        if fault in ("code", "recompile", "broken file"):
            more: dict[str, Any] = {"code": {"fingerprint": "v2"}, "recompile": {"recompile": True}}.get(fault, {})
            if fault == "broken file" and asset.ingest is not None:
                more = {"ingest": dataclasses.replace(asset.ingest, error="broken")}
            assets = [dataclasses.replace(one, **more) if one.key == key else one for one in self.graph.assets]
            self.graph = AssetGraph(assets, self.graph.edges())
        elif fault == "never built":
            self.built.pop(key, None)
            self.checks.pop(key, None)
        elif fault == "rebuilt" and key in self.built:
            self.built[key] = dataclasses.replace(self.built[key], token=100)
        elif fault in ("input changed", "input missing") and self.inputs.get(key):
            old = self.inputs[key]
            self.inputs[key] = (*([InputVersion(old[0].input, "older")] if fault == "input changed" else []), *old[1:])
        elif fault.startswith("source ") and key in self.observed:
            self._see(key, fault.removeprefix("source "))
        elif fault.startswith("file "):
            self._see("file:a", fault.removeprefix("file "))
        elif fault in ("gone", "other type") and asset.relation is not None:
            self.standing[asset.relation] = "view" if self.standing.get(asset.relation) == "table" else "table"
            if fault == "gone":
                del self.standing[asset.relation]
        elif fault == "failed":
            self.attempts[key] = Attempt(key, "", "failed", "r", "boom")
        elif fault == "crashed":
            self.crashed.add(key)
        elif fault == "failed partition":
            self.partitions[key] = ("p",)
        elif fault == "volatile":
            self.volatile[key] = "now()"
        elif fault in ("check failed", "check of other data") and key in self.checks:
            change = {"status": "fail"} if fault == "check failed" else {"inputs_version": "other"}
            self.checks[key] = dataclasses.replace(self.checks[key], **change)
        elif fault in ("force", "full refresh"):
            self.options = {fault.replace(" ", "_"): True}

    def _see(self, name: str, how: str) -> None:
        if how == "unseen":
            self.observed.pop(name)
        elif name in self.observed:
            change = {"version": "newer"} if how == "changed" else {"strength": Strength.UNKNOWN}
            self.observed[name] = dataclasses.replace(self.observed[name], **change)


@st.composite
def worlds(draw: Any) -> Facts:
    """Draw facts in which all is current but for a few faults, so that skipping is tempting."""
    graph = draw(graphs())
    state = _Current(graph)
    faults = st.tuples(st.sampled_from(FAULTS), st.sampled_from([asset.key for asset in graph.assets]))
    for fault, key in draw(st.lists(faults, min_size=1, max_size=4) | st.just([])):
        state.befall(fault, key)
    everything = frozenset(range(len(graph)))
    return state.facts(everything if draw(st.booleans()) else frozenset(draw(st.sets(st.sampled_from(sorted(everything))))))
