"""How much each asset wants measured: its own word, else the project's; mistakes of all assets are told together."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.assets.asset import Asset, Kind
from penstock.assets.metrics import Level, Metrics, metrics_in
from penstock.assets.names import RelationName
from penstock.errors import ConfigError, Problems


def model(name: str = "orders", said: dict[str, Any] | None = None, materialized: str = "table") -> Asset:
    config = {"meta": {"penstock": said}} if said is not None else {}
    return Asset(
        f"model.{name}", Kind.MODEL, name, path=f"models/{name}.sql", materialized=materialized, config=config,
        relation=RelationName("", "main", name),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "level", "masked"),
    [
        (None, Level.LIGHT, ()), ({}, Level.LIGHT, ()), ({"metrics": "full"}, Level.FULL, ()), ({"metrics": "off"}, Level.OFF, ()),
        ({"metrics": False}, Level.OFF, ()), ({"mask": ["E-Mail", "phone"]}, Level.LIGHT, ("e-mail", "phone")), ({"mask": "Id"}, Level.LIGHT, ("id",)),
    ],
)  # fmt: skip
def test_an_asset_goes_before_the_project(said: dict[str, Any] | None, level: Level, masked: tuple[str, ...]) -> None:
    assert metrics_in([model(said=said)], Level.LIGHT) == {"model.orders": Metrics(level, frozenset(masked))}


def test_the_project_speaks_for_those_that_say_nothing() -> None:
    found = metrics_in([model("a"), model("b", {"retries": 2}), model("c", {"metrics": "light"})], Level.FULL)
    assert [one.level for one in found.values()] == [Level.FULL, Level.FULL, Level.LIGHT]


def test_what_has_no_rows_is_not_measured() -> None:
    assert metrics_in([model(materialized="ephemeral", said={"metrics": "x"}), Asset("test.t", Kind.TEST, "t")], Level.FULL) == {}


@pytest.mark.parametrize(
    ("level", "hint"),
    [("ful", "Did you mean `full`?"), (3, "One of off, light, full."), (0, "One of off, light, full."), (True, "One of off, light, full.")],
)
def test_a_level_that_does_not_exist_is_refused(level: Any, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"models/orders.sql: `metrics: {level}` is no level of metrics") as caught:
        metrics_in([model(said={"metrics": level})], Level.LIGHT)
    assert caught.value.hint == hint


def test_mistakes_of_all_assets_are_told_together() -> None:
    with pytest.raises(Problems) as caught:
        metrics_in([model("a", {"metrics": "x"}), model("b", {"metrics": "y"})], Level.LIGHT)
    assert [str(one.at) for one in caught.value.problems] == ["models/a.sql", "models/b.sql"]
