"""A small world whose every asset is current, and ways to change one thing in it."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.assets.records import Attempt, CheckResult, InputVersion, Materialization, Observation, StateSnapshot, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts
from penstock.plan.planner import PlanRow, make_plan

NOON = datetime(2024, 1, 1, 12)
ORDERS, STG, EPH, FACT, CHECK, FREE, UNIT = (
    "source.shop.raw.orders", "model.shop.stg", "model.shop.eph", "model.shop.fact", "test.shop.t", "ingest.raw.free", "unit_test.shop.u",
)  # fmt: skip


def asset(key: str, kind: Kind, materialized: str = "", **more: Any) -> Asset:
    name = key.rsplit(".", maxsplit=1)[-1]
    relation = None if kind in (Kind.TEST, Kind.UNIT_TEST) or materialized == "ephemeral" else RelationName("db", "main", name)
    path = f"models/{name}.sql"
    return Asset(key=key, kind=kind, name=name, path=path, materialized=materialized, fingerprint="v1", relation=relation, **more)


def graph() -> AssetGraph:
    """orders -> stg -> eph -> fact, a test on stg and a unit test of fact; free is an ingest that watches files."""
    data, test = EdgeKind.DATA, EdgeKind.TEST
    return AssetGraph(
        [
            asset(ORDERS, Kind.SOURCE, source=SourceSpec("raw")),
            asset(STG, Kind.MODEL, "view"),
            asset(EPH, Kind.MODEL, "ephemeral"),
            asset(FACT, Kind.MODEL, "table"),
            asset(CHECK, Kind.TEST),
            asset(UNIT, Kind.UNIT_TEST),
            asset(FREE, Kind.INGEST, "replace", ingest=IngestSpec(path="ingest/raw/free.sql", sql="select 1", watch=("d/*",))),
        ],
        [(ORDERS, STG, data), (STG, EPH, data), (EPH, FACT, data), (STG, CHECK, test), (FACT, UNIT, test)],
    )


def table(content: object, schema: str = "s") -> str:
    """The version of a table or source that holds `content`."""
    return f"rows:1:{content}:{schema}"


def view(code: object, schema: str = "s") -> str:
    """The version of a view made by `code`."""
    return f"code:{code}:{schema}"


def built(key: str, token: int, code: str = "v1", version: str = "", kind: str = "table") -> Materialization:
    """A materialization made by raw code `code`, which by default means no more than itself."""
    made = version or (view(token) if kind == "view" else table(token))
    return Materialization(key, "", "run0", token, f"1:{code}", made, 1, f"main.{key}", NOON, kind, fingerprints=frozenset({code}))


def seen(name: str, version: str, strength: str = Strength.CONTENT, detail: str = "") -> Observation:
    return Observation(name, version, strength, detail)


class World:
    """Facts that say: all is current. Each method changes one thing and returns the world."""

    def __init__(self) -> None:
        base = Facts(graph=graph(), state=StateSnapshot(), selected=frozenset())
        self.materializations = {STG: built(STG, 1, kind="view"), FACT: built(FACT, 2), FREE: built(FREE, 3)}
        self.inputs = {
            STG: (InputVersion(ORDERS, table("o1")),),
            FACT: (InputVersion(STG, view(1)), InputVersion(ORDERS, table("o1"))),
            FREE: (InputVersion("file:d/*", "f1"), InputVersion("table:s.t", table("t1"))),
        }
        self.observed = {
            ORDERS: seen(ORDERS, table("o1")),
            "file:d/*": seen("file:d/*", "f1", Strength.LISTING),
            "table:s.t": seen("table:s.t", table("t1")),
        }
        self.standing = {
            RelationName("db", "main", "stg"): "view",
            RelationName("db", "main", "fact"): "table",
            RelationName("db", "main", "free"): "table",
        }
        self.attempts = {key: Attempt(key, "", "success", "run0", "") for key in self.materializations}
        self.more: dict[str, Any] = {}
        self.facts_more: dict[str, Any] = {}
        self.graph = base.graph
        self.checks: dict[str, CheckResult] = {}
        ready = self.facts()
        for key in (CHECK, UNIT):
            self.checks[key] = CheckResult(
                key, "pass", "1:v1", "run0", ready.versions.digest(self.graph.ids[key]), fingerprints=frozenset({"v1"})
            )

    def facts(self) -> Facts:
        state = StateSnapshot(
            materializations=self.materializations, inputs=self.inputs, attempts=self.attempts, checks=self.checks, **self.more
        )
        values: dict[str, Any] = {
            "selected": frozenset(range(len(self.graph))),
            "standing": self.standing,
            "observed": self.observed,
            "database": "db",
        }
        return Facts(graph=self.graph, state=state, **{**values, **self.facts_more})

    def change(self, key: str, **values: Any) -> World:
        """Replace fields of one asset."""
        assets = [dataclasses.replace(one, **values) if one.key == key else one for one in self.graph.assets]
        self.graph = AssetGraph(assets, self.graph.edges())
        return self

    def select(self, *keys: str) -> World:
        self.facts_more["selected"] = frozenset(self.graph.ids[key] for key in keys)
        return self

    def say_volatile(self, why: str, *keys: str) -> World:
        """Let the recorded queries of assets and tests be volatile."""
        for key in keys:
            records: dict[str, Any] = self.checks if key in self.checks else self.materializations
            records[key] = dataclasses.replace(records[key], volatile=why)
        return self

    def rows(self) -> dict[str, PlanRow]:
        return {row.asset: row for row in make_plan(self.facts()).rows}

    def reasons(self) -> dict[str, str]:
        """What is not reused, and why."""
        return {key: row.reason.value for key, row in self.rows().items() if row.decision.value != "REUSE"}
