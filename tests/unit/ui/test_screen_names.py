"""How assets are called on screens: as dbt's run lines and its users call them."""

from __future__ import annotations

import pytest
from penstock.assets.asset import Asset, IngestSpec, Kind, SourceSpec, TestSpec
from penstock.assets.names import RelationName
from penstock.ui.names import describe, short

ORDERS = RelationName("db", "raw", "orders")
INGEST = IngestSpec("ingest/raw/orders.sql", "select 1", write="append")


def asset(kind: Kind, **more: object) -> Asset:
    values: dict[str, object] = {"key": "x", "kind": kind, "name": "orders", "relation": ORDERS, **more}
    return Asset(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "called", "described"),
    [
        (asset(Kind.MODEL, materialized="view"), "orders", "sql view model raw.orders"),
        (asset(Kind.MODEL, materialized="table", language="python"), "orders", "python table model raw.orders"),
        (asset(Kind.MODEL, materialized="table", version="2"), "orders.v2", "sql table model raw.orders"),
        (asset(Kind.MODEL, materialized="incremental", config={"incremental_strategy": "microbatch"}), "orders", "sql microbatch model raw.orders"),
        (asset(Kind.MODEL, materialized="incremental", config={"incremental_strategy": "merge"}), "orders", "sql incremental model raw.orders"),
        (asset(Kind.SEED, materialized="seed"), "orders", "seed file raw.orders"),
        (asset(Kind.SNAPSHOT, materialized="snapshot"), "orders", "snapshot raw.orders"),
        (asset(Kind.FUNCTION), "orders", "function raw.orders"),
        (asset(Kind.INGEST, ingest=INGEST), "raw.orders", "ingest append raw.orders"),
        (asset(Kind.SOURCE, source=SourceSpec("shop"), ingest=INGEST), "shop.orders", "ingest append raw.orders"),
        (asset(Kind.TEST, test=TestSpec()), "orders", "test orders"),
        (asset(Kind.UNIT_TEST), "orders", "unit_test orders"),
    ],
)  # fmt: skip
def test_an_asset_is_called_by_the_name_people_use(one: Asset, called: str, described: str) -> None:
    assert (short(one), describe(one)) == (called, described)
