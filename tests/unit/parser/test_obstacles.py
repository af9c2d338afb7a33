"""Whatever the native executor does not cover is named, and sends the node through dbt."""

from __future__ import annotations

from typing import Any

import pytest
from manifest_builder import asset, data_test, macro, manifest, model, seed

VIEW = macro("materialization_view_default", "", "macro.dbt.create_view_as", package="dbt")
TEST = macro("materialization_test_default", "", "macro.dbt.get_test_sql", package="dbt")
STOCK = (VIEW, TEST, macro("create_view_as", package="dbt"), macro("get_test_sql", package="dbt"))


def of_model(config: dict[str, Any] | None = None, *macros: dict[str, Any], **more: Any) -> tuple[str, ...]:
    return asset(manifest(model("m", config=config or {}, **more), macros=(*STOCK, *macros)), "model.shop.m").obstacles


def of_test(config: dict[str, Any], *macros: dict[str, Any]) -> tuple[str, ...]:
    return asset(manifest(model("m"), data_test("t", "model.shop.m", config=config), macros=(*STOCK, *macros)), "test.shop.t").obstacles


@pytest.mark.parametrize("materialized", ["view", "table"])
def test_a_plain_view_or_table_has_none(materialized: str) -> None:
    assert of_model(materialized=materialized) == ()


@pytest.mark.parametrize("materialized", ["incremental", "external", "materialized_view", "my_own", ""])
def test_other_materializations_are_named(materialized: str) -> None:
    assert of_model(materialized=materialized) == (f"materialized {materialized}",)


def test_an_ephemeral_model_is_run_by_nobody() -> None:
    assert of_model(materialized="ephemeral") == ()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"pre-hook": [{"sql": "select 1"}]}, "hooks"), ({"post-hook": [{"sql": "select 1"}]}, "hooks"), ({"contract": {"enforced": True}}, "contract"),
        ({"persist_docs": {"relation": True}}, "persist_docs"), ({"grants": {"select": ["me"]}}, "grants"), ({"sql_header": "set x = 1"}, "sql_header"),
        ({"indexes": [{"columns": ["id"]}]}, "indexes"), ({"partitioned_by": "day"}, "partitioned_by"),
    ],
)  # fmt: skip
def test_a_config_that_is_not_covered_is_named(config: dict[str, Any], reason: str) -> None:
    assert of_model(config) == (reason,)


def test_configs_that_say_no_are_no_obstacle() -> None:
    assert (
        of_model({"pre-hook": [], "contract": {"enforced": False}, "persist_docs": {"relation": False}, "grants": {}, "indexes": None})
        == ()
    )


def test_python_and_everything_else_is_named_together() -> None:
    assert of_model({"pre-hook": [1], "grants": {"a": 1}}, language="python") == ("python model", "hooks", "grants")


def test_a_macro_of_the_project_that_replaces_a_stock_one_is_named() -> None:
    assert of_model({}, macro("create_view_as")) == ("macro create_view_as overridden",)
    assert of_model({}, macro("duckdb__create_view_as")) == ("macro create_view_as overridden",)
    assert of_model({}, macro("get_test_sql"), macro("unrelated")) == ()
    assert of_test({}, macro("get_test_sql")) == ("macro get_test_sql overridden",)


@pytest.mark.parametrize(
    ("config", "reasons"),
    [
        ({}, ()),
        ({"store_failures": True}, ("store_failures",)),
        ({"store_failures_as": "view"}, ("store_failures",)),
        ({"materialized": "mine"}, ("materialized mine",)),
        ({"sql_header": "x"}, ("sql_header",)),
        ({"severity": "warn", "where": "a", "limit": 1, "fail_calc": "max(x)"}, ()),
    ],
)
def test_a_data_test_says_what_stores_or_changes_it(config: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert of_test(config) == reasons


def test_seeds_always_go_through_dbt() -> None:
    assert asset(manifest(seed("s")), "seed.shop.s").obstacles == ("seed",)
