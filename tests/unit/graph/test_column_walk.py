"""Column lineage walked in both directions, and columns found by the names people call them."""

from __future__ import annotations

import pytest
from penstock.errors import SelectionError
from penstock.graph.column_walk import ROWS, ColumnMap, Link, Spot, names_of

READERS = (("source.shop.raw.orders", "model.shop.stg"), ("model.shop.stg", "model.shop.fct"), ("model.shop.fct", "model.shop.rep"))
COLUMNS = {
    "source.shop.raw.orders": ("id", "Amount", "state"),
    "model.shop.stg": ("id", "amount"),
    "model.shop.fct": ("total", "odd.name"),
    "model.shop.rep": ("total",),
    "model.other.stg": ("id",),
}


def link(source: str, target: str, kind: str = "passthrough") -> Link:
    (from_asset, from_column), (to_asset, to_column) = (text.split("/") for text in (source, target))
    return Link(Spot(f"model.shop.{from_asset}", from_column), Spot(f"model.shop.{to_asset}", to_column), kind)


LINKS = (
    Link(Spot("source.shop.raw.orders", "Amount"), Spot("model.shop.stg", "amount"), "renamed"),
    Link(Spot("source.shop.raw.orders", "state"), Spot("model.shop.stg", ROWS), "filter"),
    link("stg/amount", "fct/total", "aggregated"),
    link("fct/total", "rep/total"),
)


def shop(*more: Link) -> ColumnMap:
    return ColumnMap((*LINKS, *more), READERS, COLUMNS)


def ends(links: list[Link], *, source: bool = False) -> set[str]:
    return {".".join(one.source if source else one.target).removeprefix("model.shop.") for one in links}


def test_a_column_flows_into_columns_over_any_number_of_steps() -> None:
    assert ends(shop().downstream([Spot("source.shop.raw.orders", "amount")])) == {"stg.amount", "fct.total", "rep.total"}
    assert ends(shop().downstream([Spot("source.shop.raw.orders", "Amount")], 2)) == {"stg.amount", "fct.total"}
    assert shop().downstream([Spot("model.shop.rep", "total")]) == []


def test_what_decides_about_rows_decides_about_the_rows_of_all_readers() -> None:
    found = shop().downstream([Spot("source.shop.raw.orders", "state")])
    assert ends(found) == {"stg.", "fct.", "rep."}
    assert [one.kind for one in found] == ["filter", "rows", "rows"]


def test_a_column_comes_from_columns_and_from_what_decides_about_its_rows() -> None:
    above = shop().upstream([Spot("model.shop.rep", "TOTAL")])
    assert ends(above, source=True) == {"fct.total", "stg.amount", "source.shop.raw.orders.Amount", "source.shop.raw.orders.state"}
    assert ends(shop().upstream([Spot("model.shop.rep", "total")], 1), source=True) == {"fct.total"}


def test_rows_come_from_what_decides_about_them_alone() -> None:
    assert ends(shop().upstream([Spot("model.shop.stg", ROWS)]), source=True) == {"source.shop.raw.orders.state"}


def test_any_column_means_every_column() -> None:
    opaque = shop(link("stg/*", "py/*", "unknown"), link("py/x", "end/x"))
    assert "py.*" in ends(opaque.downstream([Spot("model.shop.stg", "id")]))
    assert "end.x" in ends(opaque.downstream([Spot("model.shop.stg", "id")])), "one of the unknown columns may be x"
    assert "stg.*" in ends(opaque.upstream([Spot("model.shop.end", "x")]), source=True)


def test_a_column_that_reads_itself_is_walked_once() -> None:
    assert len(shop(link("stg/amount", "stg/amount", "derived")).downstream([Spot("model.shop.stg", "amount")])) == 3


@pytest.mark.parametrize(
    ("text", "asset", "column"),
    [
        ("model.shop.stg.ID", "model.shop.stg", "id"),
        ("fct.Total", "model.shop.fct", "total"),
        ("fct.odd.name", "model.shop.fct", "odd.name"),
        ("raw.orders.amount", "source.shop.raw.orders", "Amount"),
        ("orders.amount", "source.shop.raw.orders", "Amount"),
    ],
)
def test_a_column_is_found_by_any_name_of_its_asset(text: str, asset: str, column: str) -> None:
    assert shop().find(text, COLUMNS) == Spot(asset, column)


def test_several_columns_that_are_called_so_are_named() -> None:
    with pytest.raises(SelectionError, match=r"could be model.other.stg.id or model.shop.stg.id"):
        shop().find("stg.id", COLUMNS)
    assert shop().find("stg.amount", COLUMNS).asset == "model.shop.stg", "only one of them has this column"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("fct.totl", "Did you mean fct.total?"),
        ("fct.zzz", "Its columns: total, odd.name."),
        ("fcd.total", "Did you mean fct.total?"),
        ("zzzzzz.total", "Run `penstock build`"),
    ],
)
def test_a_wrong_name_gets_near_ones(text: str, hint: str) -> None:
    with pytest.raises(SelectionError) as caught:
        shop().find(text, COLUMNS)
    assert hint in caught.value.hint


def test_a_column_nobody_can_name_is_believed_of_an_asset_whose_columns_are_not_known() -> None:
    opaque = shop(link("stg/*", "py/*", "unknown"))
    assert opaque.find("py.anything", [*COLUMNS, "model.shop.py"]) == Spot("model.shop.py", "anything")


def test_the_surest_meaning_of_a_name_counts() -> None:
    tests = ["test.shop.not_null_a.0f3", "check.tidy.model.shop.orders"]
    assert names_of(tests).keys() == {*tests, "not_null_a", "tidy", "tidy.model.shop.orders"}
    names = names_of(["model.shop.orders", "source.shop.raw.orders", "ingest.web.orders", "file:data/*.csv"])
    assert names["orders"] == ["model.shop.orders"]
    assert names["raw.orders"] == ["source.shop.raw.orders"]
    assert names["web.orders"] == ["ingest.web.orders"]
    assert names["data/*.csv"] == ["file:data/*.csv"]
