"""Ready-made checks reach the assets that are selected or that ask for them; mistakes are told together, with their place."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.app.ready_made import ReadyMade, ready_made_checks
from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.assets.names import RelationName
from penstock.errors import ConfigError, ParseError, Problems
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.project_file import read_project_file


def model(name: str, said: Any = None, materialized: str = "table", **own: Any) -> Asset:
    penstock = {**({"monitors": said} if said is not None else {}), **own}
    return Asset(
        key=f"model.shop.{name}", kind=Kind.MODEL, name=name, package="shop", path=f"models/{name}.sql", fqn=("shop", name),
        materialized=materialized, relation=RelationName("", "main", name), config={"meta": {"penstock": penstock}} if penstock else {},
    )  # fmt: skip


def checks(text: str, *models: Asset) -> tuple[list[ReadyMade], list[str]]:
    edges = [(above.key, below.key, EdgeKind.DATA) for above, below in zip(models, models[1:], strict=False)]
    return ready_made_checks(AssetGraph(models, edges), read_project_file(text, "penstock.yml", {}), "shop")


def names(text: str, *models: Asset) -> list[str]:
    return [one.name for one in checks(text, *models)[0]]


def test_a_selection_gives_each_of_its_assets_the_checks() -> None:
    found, warnings = checks("monitors: {a+: [volume, {null_rate: [x, y]}]}", model("a"), model("b"))
    assert [(one.name, one.asset) for one in found] == [
        ("volume_a", "model.shop.a"), ("null_rate_a_x", "model.shop.a"), ("null_rate_a_y", "model.shop.a"),
        ("volume_b", "model.shop.b"), ("null_rate_b_x", "model.shop.b"), ("null_rate_b_y", "model.shop.b"),
    ]  # fmt: skip
    assert {one.spec.path for one in found} == {"penstock.yml"}
    assert warnings == []


def test_the_assets_own_goes_first_then_the_last_selection() -> None:
    text = "monitors:\n  '*': [{volume: {low: 10%}}]\n  b c: [{volume: {low: 20%}}]\n"
    found, _ = checks(text, model("a"), model("b"), model("c", [{"volume": {"low": "30%"}}]))
    assert [[low for low in ("0.1", "0.2", "0.3") if f'"rows" < {low} * usual' in one.spec.sql] for one in found] == [
        ["0.1"],
        ["0.2"],
        ["0.3"],
    ]
    assert found[2].spec.path == "models/c.sql"


def test_what_has_no_rows_is_left_out_and_a_selection_of_nothing_else_is_warned_of() -> None:
    found, warnings = checks("monitors: {a: volume, none: volume}", model("a", "volume", "ephemeral"), model("b"))
    assert found == []
    assert [text.split(":")[0] for text in warnings] == ["penstock.yml", "penstock.yml"]


def test_partitions_are_taken_into_account() -> None:
    days = {"day": {"every": "day", "start": "2024-01-01", "column": "at"}}
    (found,) = checks("{}", model("a", "volume", partitions=days))[0]
    assert "partition_start" in found.spec.sql
    assert '"at"' in found.spec.sql


def test_mistakes_of_all_assets_are_told_together_with_their_place() -> None:
    with pytest.raises(Problems) as caught:
        checks("{}", model("a", ["volum"]), model("b", [{"null_rate": {}}, {"freshness": "x"}]))
    assert [str(one.at) for one in caught.value.problems] == ["models/a.sql", "models/b.sql", "models/b.sql"]


def test_the_project_file_names_the_line_of_its_mistakes() -> None:
    with pytest.raises(ConfigError, match=r"penstock.yml:2: there is no check `volum`"):
        read_project_file("metrics: full\nmonitors: {a: [volum]}\n", "penstock.yml", {})
    with pytest.raises(Problems) as caught:
        read_project_file("monitors:\n  a: [volum]\n  b: [{volume: {lo: 1}}]\n", "penstock.yml", {})
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("level", ["off", "light", "full"])
def test_the_project_file_says_how_much_is_measured(level: str) -> None:
    assert read_project_file(f"metrics: {level}\n", "penstock.yml", {}).metrics == level


def test_no_other_level_is_accepted() -> None:
    with pytest.raises(ParseError, match="metrics"):
        read_project_file("metrics: some\n", "penstock.yml", {})
