"""Masks hide values below the asset that names them, too: metrics must not tell what samples do not."""

from __future__ import annotations

from typing import Any

from penstock.app.measured import measured_in
from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.assets.metrics import Level, Metrics
from penstock.assets.names import RelationName
from penstock.graph.asset_graph import AssetGraph


def model(name: str, **own: Any) -> Asset:
    return Asset(
        name,
        Kind.MODEL,
        name,
        materialized="table",
        relation=RelationName("", "main", name),
        config={"meta": {"penstock": own}} if own else {},
    )


def test_what_lies_below_a_mask_keeps_no_values() -> None:
    assets = [
        model("a"),
        model("b", mask=["email"]),
        model("c", metrics="full"),
        model("d", mask="x"),
        model("e"),
        Asset("t", Kind.TEST, "t"),
    ]
    edges = [(above, below, EdgeKind.DATA) for above, below in (("a", "b"), ("b", "c"), ("c", "d"), ("a", "e"), ("d", "t"))]
    assert measured_in(AssetGraph(assets, edges), Level.LIGHT) == {
        "a": Metrics(), "b": Metrics(masked=frozenset({"email"})), "c": Metrics(Level.FULL, None), "d": Metrics(masked=None), "e": Metrics(),
    }  # fmt: skip
