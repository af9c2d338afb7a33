"""Random graphs and random states of them, for properties of gates, planner and schedule."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.assets.records import Attempt, CheckResult, InputVersion, Materialization, Observation, Projection, StateSnapshot, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts

NOON = datetime(2024, 1, 1, 12)
KINDS = (Kind.SOURCE, *[Kind.MODEL] * 5, Kind.INGEST, Kind.SEED, Kind.TEST, Kind.TEST, Kind.UNIT_TEST, Kind.EXPOSURE)
MODELS = ("view", "table", "incremental", "ephemeral", "my_own")
FAULTS = (
    "code", "comment", "never built", "rebuilt", "rebuilt alike", "rebuilt elsewhere", "other columns", "input changed", "input missing", "source changed", "source unknown", "source unseen", "gone", "other type",
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


def _built(graph: AssetGraph, key: str) -> Materialization:
    view = graph[key].materialized == "view"
    version = f"code:{graph.ids[key]}:s" if view else f"rows:1:{graph.ids[key]}:s"
    return Materialization(
        key, "", "r", graph.ids[key], "1:v1", version, 1, "", NOON, "view" if view else "table", fingerprints=frozenset({"v1"})
    )


class _Current:
    """A state in which every asset of a graph is current, and the faults that may befall it."""

    def __init__(self, graph: AssetGraph) -> None:
        self.graph = graph
        keys = [asset.key for asset in graph.assets if asset.builds_relation]
        self.built = {key: _built(graph, key) for key in keys}
        self.observed = {
            asset.key: Observation(asset.key, "rows:1:s1:s", Strength.CONTENT) for asset in graph.assets if asset.kind is Kind.SOURCE
        }
        self.observed["file:a"] = Observation("file:a", "f1", Strength.LISTING)
        self.standing = {
            asset.relation: "view" if asset.materialized == "view" else "table" for asset in graph.assets if asset.relation is not None
        }
        self.attempts = {key: Attempt(key, "", "success", "r", "") for key in keys}
        self.partitions: dict[str, tuple[str, ...]] = {}
        self.crashed: set[str] = set()
        self.options: dict[str, bool] = {}
        self.same_code: set[str] = set()
        self.projections: dict[Projection, str] = {}
        self.inputs: dict[str, tuple[InputVersion, ...]] = {}
        for number, asset in enumerate(graph.assets):  # parents first, for a table consumes what its views consumed
            if asset.builds_relation:
                self.inputs[asset.key] = self._consumed(number)
        versions = self.facts(frozenset()).versions
        self.checks = {
            asset.key: CheckResult(asset.key, "pass", "1:v1", "r", versions.digest(number), fingerprints=frozenset({"v1"}))
            for number, asset in enumerate(graph.assets)
            if asset.is_test
        }

    def _consumed(self, number: int) -> tuple[InputVersion, ...]:
        """What a build of an asset consumes now: one column of what it reads itself, and a file."""
        facts = self.facts(frozenset())
        reads = {self.graph.assets[one].key: frozenset({"c"}) for one in facts.inputs[number]}
        view = self.graph.assets[number].materialized == "view"
        return (*facts.versions.consumed(reads, through_views=not view), InputVersion("file:a", "f1"))

    def facts(self, selected: frozenset[int]) -> Facts:
        state = StateSnapshot(
            materializations=self.built, inputs=self.inputs, checks=getattr(self, "checks", {}), attempts=self.attempts,
            failed_partitions=self.partitions, crashed=frozenset(self.crashed),
        )  # fmt: skip
        standing = {relation: kind for relation, kind in self.standing.items() if relation is not None}
        return Facts(
            graph=self.graph, state=state, selected=selected, standing=standing, observed=self.observed, database="db",
            projections=dict(self.projections), code_versions=dict.fromkeys(self.same_code, "1:v1"), **self.options,
        )  # fmt: skip

    def befall(self, fault: str, key: str) -> None:
        """Let one thing be otherwise; nothing where the fault does not fit the asset."""
        asset = self.graph[key]
        if fault in ("code", "comment", "recompile", "broken file"):
            if fault == "comment":
                self.same_code.add(key)
            more: dict[str, Any] = {"code": {"fingerprint": "v2"}, "comment": {"fingerprint": "v2"}, "recompile": {"recompile": True}}.get(
                fault, {}
            )
            if fault == "broken file" and asset.ingest is not None:
                more = {"ingest": dataclasses.replace(asset.ingest, error="broken")}
            assets = [dataclasses.replace(one, **more) if one.key == key else one for one in self.graph.assets]
            self.graph = AssetGraph(assets, self.graph.edges())
        elif fault == "never built":
            self.built.pop(key, None)
            self.checks.pop(key, None)
        elif fault in ("rebuilt", "rebuilt alike", "rebuilt elsewhere", "other columns") and key in self.built:
            self._rebuild(key, fault)
        elif fault in ("input changed", "input missing") and self.inputs.get(key):
            old = self.inputs[key]
            self.inputs[key] = (*([InputVersion(old[0].input, "rows:1:older:s")] if fault == "input changed" else []), *old[1:])
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
            records: dict[str, Any] = self.checks if key in self.checks else self.built
            if key in records:
                records[key] = dataclasses.replace(records[key], volatile="now()")
        elif fault in ("check failed", "check of other data") and key in self.checks:
            change = {"status": "fail"} if fault == "check failed" else {"inputs_version": "other"}
            self.checks[key] = dataclasses.replace(self.checks[key], **change)
        elif fault in ("force", "full refresh"):
            self.options = {fault.replace(" ", "_"): True}

    def _rebuild(self, key: str, fault: str) -> None:
        """Build an asset again, with the same content, with other content in columns nobody reads, with other columns or other rows."""
        old = self.built[key]
        head, content, schema = old.data_version.split(":")[:-2], *old.data_version.split(":")[-2:]
        new = {"rebuilt alike": (content, schema), "other columns": (content, "t")}.get(fault, ("other", schema))
        version = ":".join([*head, *new])
        self.built[key] = dataclasses.replace(old, token=100, data_version=version)
        if fault == "rebuilt elsewhere":
            self.projections |= {(key, one, ("c",)): "p" for one in (old.data_version, version)}

    def _see(self, name: str, how: str) -> None:
        if how == "unseen":
            self.observed.pop(name)
        elif name in self.observed:
            change = {"version": "rows:1:newer:s"} if how == "changed" else {"strength": Strength.UNKNOWN}
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
