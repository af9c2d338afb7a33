"""A state store filled by hand, as the demo would leave it: no dbt, no files, one in-memory database."""

from __future__ import annotations

from datetime import datetime, timedelta

from penstock.assets.asset import Asset, EdgeKind, Kind, TestSpec
from penstock.assets.names import RelationName
from penstock.assets.records import Observation, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.state.content import content_of
from penstock.state.store import Statements, migrate
from penstock.state.writer import CheckRow, DecisionRow, RunEndRow, RunRow, StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse

START = datetime(2024, 3, 14, 6, 0)
FILES = "file:data/orders/*/*.csv"
CHECK = "test.shop.unique_fct_orders_order_id.0"
CHAIN = {
    "source.shop.raw.orders": (Kind.SOURCE, "replace"),
    "model.shop.stg_orders": (Kind.MODEL, "view"),
    "model.shop.fct_orders": (Kind.MODEL, "incremental"),
    "model.shop.daily_sales": (Kind.MODEL, "table"),
}
OTHERS = {
    "model.shop.fct_events": (Kind.MODEL, "incremental"),
    "model.shop.customer_value": (Kind.MODEL, "table"),
    "seed.shop.products": (Kind.SEED, "seed"),
}


def filled_store() -> Statements:
    """Return a store with a first run of everything and a second one of the source alone, after which its reader is stale."""
    warehouse = DuckDBWarehouse.in_memory()
    sql = Statements(warehouse.connect(), "penstock")
    migrate(sql)
    graph = shop()
    _run(sql, graph, "run1", START, [*CHAIN, *OTHERS])
    _run(sql, graph, "run2", START + timedelta(days=1), ["source.shop.raw.orders"])
    return sql


def shop() -> AssetGraph:
    """Return the demo's graph, shortened."""
    assets = [
        Asset(
            key=key,
            kind=kind,
            name=key.split(".")[-1],
            materialized=how,
            fingerprint="code",
            relation=_relation(key),
            config={"meta": {"freshness": {"error_after": {"count": 1, "period": "day"}}}} if key == "model.shop.daily_sales" else {},
        )  # fmt: skip
        for key, (kind, how) in {**CHAIN, **OTHERS}.items()
    ]
    assets.append(Asset(key=CHECK, kind=Kind.TEST, name="unique", test=TestSpec(attached_node="model.shop.fct_orders")))
    assets.append(Asset(key="exposure.shop.sales_dashboard", kind=Kind.EXPOSURE, name="sales_dashboard"))
    chain = list(CHAIN)
    edges = [(above, below, EdgeKind.DATA) for above, below in zip(chain, chain[1:], strict=False)]
    edges += [("model.shop.daily_sales", "exposure.shop.sales_dashboard", EdgeKind.DATA)]
    edges += [
        ("model.shop.fct_orders", "model.shop.customer_value", EdgeKind.DATA),
        ("seed.shop.products", "model.shop.fct_orders", EdgeKind.DATA),
    ]
    edges += [("model.shop.fct_orders", CHECK, EdgeKind.TEST)]
    return AssetGraph(assets, edges)


def _relation(key: str) -> RelationName:
    return RelationName("", "main", key.rsplit(".", maxsplit=1)[-1])


def _run(sql: Statements, graph: AssetGraph, run_id: str, started: datetime, built: list[str]) -> None:
    writer = StateWriter(sql)
    decisions = [DecisionRow(key, "", "BUILD", "never_built" if run_id == "run1" else "new_files", "") for key in [*built, CHECK]]
    seen = [Observation(FILES, f"files:{run_id}", Strength.LISTING)]
    writer.start_run(RunRow(run_id, started, "build", "dev", "", "", "0", "0", 1), decisions, seen)
    writer.record_graph(run_id, graph, "hash")
    slices = [(key, partition) for key in built for partition in (("2024", "2025") if key == "model.shop.fct_events" else ("",))]
    tokens = writer.claim(run_id, slices, started)
    holds = f"(select * from range({run_id[-1]}))"
    for number, ((key, partition), token) in enumerate(tokens.items(), 1):
        values = {
            "run_id": run_id, "asset": key, "partition": partition, "token": token, "relation_name": f"main.{key.split('.')[-1]}",
            "relation_type": "table", "code_version": "1:code", "fingerprint": "code", "volatile": "", "executor": "native",
            "partition_start": datetime(int(partition), 1, 1) if partition else None,
            "partition_end": datetime(int(partition) + 1, 1, 1) if partition else None,
            "started_at": started, "finished_at": started + timedelta(seconds=number), "committed_at": started + timedelta(seconds=number),
            "status": "success", "error": "", "recreates": partition in ("", "2024"),
            "inputs": (parents := [graph.assets[parent].key for parent in graph.parents[graph.ids[key]]]),
            "versions": [content_of(sql, holds).version for _ in parents],
            "columns": [None for _ in parents],
        }  # fmt: skip
        sql.run("record_table", values, relation=holds)
        sql.run("record_inputs", values)
        sql.run("record_attempt", values)
    writer.check_results(run_id, [CheckRow(CHECK, "model.shop.fct_orders", "pass", "ERROR", 0, "", "code", "", "", started, 0.5)])
    writer.end_run(RunEndRow(run_id, started + timedelta(minutes=1), "success", len(built) + 1, 0, 0, 0))
