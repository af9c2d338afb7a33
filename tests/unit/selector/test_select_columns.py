"""`column:NODE.column`: readers are those of the column, not all of the asset."""

from __future__ import annotations

import pytest
from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.errors import SelectionError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.column_walk import ColumnMap, Link, Spot
from penstock.selector.history import History
from penstock.selector.select import select

NAMES = ("raw", "stg", "fct", "other", "rep")
GRAPH = AssetGraph(
    [Asset(f"model.shop.{name}", Kind.MODEL, name, "shop", f"models/{name}.sql", ("shop", name)) for name in NAMES],
    [
        (f"model.shop.{above}", f"model.shop.{below}", EdgeKind.DATA)
        for above, below in (("raw", "stg"), ("stg", "fct"), ("stg", "other"), ("fct", "rep"), ("other", "rep"))
    ],
)


def spot(text: str) -> Spot:
    asset, _, column = text.partition(".")
    return Spot(f"model.shop.{asset}", column)


LINKS = [("raw.id", "stg.id"), ("stg.id", "other.id"), ("stg.amount", "fct.total"), ("fct.total", "rep.total"), ("other.flag", "rep.")]
COLUMNS = {f"model.shop.{name}": ("id", "amount", "total", "flag") for name in NAMES}
MAP = ColumnMap(
    [Link(spot(above), spot(below), "derived") for above, below in LINKS],
    [(above, below) for above, below, _ in GRAPH.edges()],
    COLUMNS,
)


def chosen(*words: str, exclude: tuple[str, ...] = (), indirect: str = "eager") -> set[str]:
    history = History(columns=lambda: MAP)
    return {key.split(".")[-1] for key in select(GRAPH, words, exclude, indirect=indirect, history=history).keys}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("column:stg.amount", {"stg"}),
        ("column:stg.AMOUNT+", {"stg", "fct", "rep"}),
        ("column:stg.amount+1", {"stg", "fct"}),
        ("column:stg.id+", {"stg", "other"}),
        ("column:stg.flag+", {"stg"}),
        ("+column:rep.total", {"rep", "fct", "stg", "other"}),
        ("1+column:rep.total", {"rep", "fct", "other"}),
        ("+column:fct.total+", {"stg", "fct", "rep"}),
        ("@column:fct.total", {"raw", "stg", "fct", "other", "rep"}),
        ("column:model.shop.stg.id+", {"stg", "other"}),
    ],
)
@pytest.mark.parametrize("indirect", ["eager", "cautious"])
def test_operators_follow_the_column(text: str, found: set[str], indirect: str) -> None:
    assert chosen(text, indirect=indirect) == found


def test_it_goes_with_other_criteria() -> None:
    assert chosen("column:stg.amount+", "column:stg.id+1") == {"stg", "fct", "rep", "other"}
    assert chosen("column:stg.amount+,+rep") == {"stg", "fct", "rep"}
    assert chosen("stg+", exclude=("column:stg.amount+",)) == {"other"}


def test_a_wrong_column_gets_near_names() -> None:
    with pytest.raises(SelectionError, match="no column `amont` of stg") as caught:
        chosen("column:stg.amont+")
    assert caught.value.hint == "Did you mean stg.amount?"


def test_what_is_on_record_and_no_longer_in_the_project_is_not_selected() -> None:
    gone = History(columns=lambda: ColumnMap([Link(spot("stg.id"), spot("gone.id"), "derived")], (), COLUMNS))
    assert select(GRAPH, ["column:stg.id+"], history=gone).keys == ("model.shop.stg",)


def test_without_any_record_it_says_so() -> None:
    with pytest.raises(SelectionError, match="there is no earlier state"):
        select(GRAPH, ["column:stg.id"])
