"""A state store filled by hand, as the demo would leave it: no dbt, no files, one in-memory database."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from penstock.app.column_lineage import keys_of_relations
from penstock.assets.asset import Asset, EdgeKind, Kind, TestSpec
from penstock.assets.names import RelationName
from penstock.assets.records import Observation, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.column_readings import NodeQuery, changed_readings, reading_of_all
from penstock.state.column_lineage import columns_on_record, record_readings
from penstock.state.columns import record_columns
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
COLUMNS = ("order_id", "product_id", "quantity", "status", "order_date")
QUERIES = {
    "model.shop.stg_orders": "select * from main.orders",
    "model.shop.fct_orders": """
        select o.order_id, o.product_id, o.status, o.order_date, o.quantity * p.unit_price as amount
        from main.stg_orders as o join main.products as p using (product_id)
    """,
    "model.shop.daily_sales": "select order_date, count(order_id) as orders, sum(amount) as revenue from main.fct_orders group by order_date",
    CHECK: "select order_id from main.fct_orders group by order_id having count(*) > 1",
}
"""What the assets' columns come from; in the second run the sales are those of orders that were not returned."""

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
    record_columns(sql, lambda keys: {key: [("range", "BIGINT")] for key in keys})
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


def _record_columns(sql: Statements, run_id: str, graph: AssetGraph) -> None:
    later = QUERIES["model.shop.daily_sales"].replace(" group by", " where status <> 'returned' group by")
    queries = {**QUERIES, "model.shop.daily_sales": later} if run_id == "run2" else QUERIES
    nodes = [NodeQuery(key, query, partial(str, query)) for key, query in queries.items()]
    known = {"source.shop.raw.orders": COLUMNS, "seed.shop.products": ("product_id", "unit_price")}
    readings = list(changed_readings(nodes, keys_of_relations(graph, ""), known, columns_on_record(sql)))
    sales = {reading.key: reading.on_record.columns for reading in readings}["model.shop.daily_sales"]
    readings.append(reading_of_all("exposure.shop.sales_dashboard", {"model.shop.daily_sales": sales}, "code"))
    record_readings(sql, run_id, readings, [], "version")


def _run(sql: Statements, graph: AssetGraph, run_id: str, started: datetime, built: list[str]) -> None:
    writer = StateWriter(sql)
    decisions = [DecisionRow(key, "", "BUILD", "never_built" if run_id == "run1" else "new_files", "") for key in [*built, CHECK]]
    seen = [Observation(FILES, f"files:{run_id}", Strength.LISTING)]
    writer.start_run(RunRow(run_id, started, "build", "dev", "", "", "0", "0", 1), decisions, seen)
    writer.record_graph(run_id, graph, "hash")
    _record_columns(sql, run_id, graph)
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
    status, failures = ("pass", 0) if run_id == "run1" else ("fail", 2)
    samples = ('{"order_id": 1}', '{"order_id": 2}')[:failures]
    found = CheckRow(CHECK, "model.shop.fct_orders", status, "ERROR", failures, "", "code", "", "", started, 0.5, samples=samples)
    writer.check_results(run_id, [found])
    writer.end_run(RunEndRow(run_id, started + timedelta(minutes=1), "success", len(built) + 1, 0, 0, 0))
