"""Contracts of names and ordinary types are checked natively; constraints and whatever dbt reads in its own way stay with dbt."""

from __future__ import annotations

from typing import Any

import pytest
from manifest_builder import asset, macro, manifest, model
from penstock.assets.contract import agreed_columns

ENFORCED = {"contract": {"enforced": True}}
STOCK = (macro("materialization_table_default", "", package="dbt"), macro("materialization_incremental_default", "", package="dbt"))


def obstacles(*columns: dict[str, Any], config: dict[str, Any] | None = None, **more: Any) -> tuple[str, ...]:
    named = {str(number): {"name": "a", "data_type": "int", **column} for number, column in enumerate(columns)}
    node = model("m", config={"materialized": "table", **(config or {}), **ENFORCED}, columns=named, **more)
    return asset(manifest(node, macros=STOCK), "model.shop.m").obstacles


@pytest.mark.parametrize(
    "kind",
    ["int", "INTEGER", " varchar ", "decimal(18,2)", "numeric( 9 , 3 )", "varchar(10)", "timestamp with time zone", "double precision", "int[]", "int[3][]", "my_enum"],
)  # fmt: skip
def test_ordinary_types_are_compared_natively(kind: str) -> None:
    assert obstacles({"data_type": kind}) == ()


@pytest.mark.parametrize(
    "column",
    [
        {"data_type": None}, {"data_type": ""}, {"data_type": "decimal"}, {"data_type": "NUMERIC"}, {"data_type": "number"},
        {"data_type": "struct(a int)"}, {"data_type": "STRUCT(a int)[]"}, {"data_type": "enum('a', 'b')"}, {"data_type": "map(int, int)"},
        {"data_type": "int) as x; drop table y; --"}, {"data_type": "int default 3, b int"}, {"data_type": '"int"'},
        {"name": "two words"}, {"name": 'a"b'}, {"quote": True}, {"constraints": [{"type": "unique"}]},
        {"constraints": [{"type": "not_null", "expression": "default 1"}]}, {"constraints": [{"type": "not_null"}, {"type": "primary_key"}]},
    ],
)  # fmt: skip
def test_everything_else_stays_with_dbt(column: dict[str, Any]) -> None:
    assert obstacles({}, {**column}) == ("contract",)


def test_values_that_must_be_there_are_asked_for_natively() -> None:
    assert obstacles({}, {"constraints": [{"type": "not_null", "name": "x", "warn_unenforced": True}]}) == ()


def test_constraints_of_a_model_and_contracts_without_columns_stay_with_dbt() -> None:
    assert obstacles({}, constraints=[{"type": "check", "expression": "a > 0"}]) == ("contract",)
    assert obstacles() == ("contract",)


def test_slices_with_a_contract_stay_with_dbt() -> None:
    own = {"meta": {"penstock": {"partitions": {"day": {"every": "day", "start": "2024-01-01"}}}}}
    assert obstacles({}, config=own) == ("contract",)


def test_only_an_enforced_contract_has_columns_to_agree_with() -> None:
    columns = {"a": {"name": "a", "data_type": "int"}, "b": {"name": "b", "data_type": "text"}}
    for config, names in ((ENFORCED, ["a", "b"]), ({"contract": {"enforced": False}}, []), ({}, [])):
        found = asset(manifest(model("m", config=config, columns=columns), macros=STOCK), "model.shop.m")
        assert [column.name for column in agreed_columns(found)] == names
