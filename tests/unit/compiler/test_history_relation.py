"""`history` in a check: what earlier builds of its asset measured and what checks found, in one line of SQL."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from penstock.assets.metrics import Level, Metrics
from penstock.assets.names import quote
from penstock.compiler import history
from penstock.compiler.checks import put_in_place
from penstock.compiler.history import history_sql
from penstock.runner.commit import Publication, publish
from penstock.state.store import Statements, migrate
from penstock.state.writer import CheckRow, StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse

STATE = 'state "of" it'
ASSETS = ("model.shop.it's", "model.shop.other")
NOON = datetime(2024, 3, 14, 12)
ROWS = {"run1": 3, "run2": 4}


@pytest.fixture(scope="module")
def sql() -> Statements:
    """A store in which two assets were built twice, one of them in two partitions and with all metrics, and checked."""
    made = Statements(DuckDBWarehouse.in_memory().connect(), STATE)
    migrate(made)
    writer = StateWriter(made)
    for run, rows in ROWS.items():
        tokens = writer.claim(run, [(ASSETS[0], ""), (ASSETS[1], "a"), (ASSETS[1], "b")], NOON)
        for (asset, partition), token in tokens.items():
            query = f"(select if(range = 1, null, range) as n, 'x' as \"it's\" from range({rows * 10 if partition else rows}))"
            metrics = Metrics(Level.FULL if partition else Level.LIGHT)
            what = Publication(
                run, asset, token, query, "t", "table", "c", "native", (), NOON, partition=partition, metrics=metrics, recreates=run == "run1",
            )  # fmt: skip
            publish(made, what, lambda: None, lambda: NOON)
        results = [CheckRow(f"check.{asset}", asset, "fail", "error", rows, "", "c", "", "", NOON, 0.1) for asset in ASSETS]
        writer.check_results(run, results)
    return made


def ask(sql: Statements, query: str, asset: str = ASSETS[0]) -> list[tuple[Any, ...]]:
    return sql.connection.execute(put_in_place(query, {"history": history_sql(quote(STATE), asset)}))


def test_each_build_of_the_asset_is_there_and_no_other(sql: Statements) -> None:
    assert ask(sql, "select run_id, rows, is_current, partition from history order by run_id") == [
        ("run1", 3, False, ""), ("run2", 4, True, ""),
    ]  # fmt: skip
    assert ask(sql, "select partition, rows, is_current from history order by all", ASSETS[1]) == [
        ("a", 30, False), ("a", 40, True), ("b", 30, False), ("b", 40, True),
    ]  # fmt: skip


def test_columns_are_asked_for_by_name(sql: Statements) -> None:
    query = "select columns['n'].nulls, columns['it''s'].nulls, columns['n'].largest, columns['none'].nulls from history order by run_id"
    assert ask(sql, query) == [(1, 0, None, None), (1, 0, None, None)]
    full = "select columns['n'].nulls, columns['n'].largest, columns['n'].quantiles[3] from history where partition = 'a' order by run_id"
    assert ask(sql, full, ASSETS[1]) == [(1, "29", 15.0), (1, "39", 20.0)]


def test_results_of_checks_are_asked_for_by_their_id(sql: Statements) -> None:
    query = "select rows, checks['check.model.shop.it''s'].failures, checks['check.model.shop.other'].failures from history order by run_id"
    assert ask(sql, query) == [(3, 3, None), (4, 4, None)]


def test_an_asset_without_a_past_has_an_empty_history(sql: Statements) -> None:
    assert ask(sql, "select * from history", "model.shop.new") == []


def test_the_columns_are_those_that_are_documented(sql: Statements) -> None:
    documented = re.findall(r"^\| (\w+) \| ([A-Z]+)", str(history.__doc__), re.MULTILINE)
    found = ask(sql, "select column_name, column_type from (describe select * from history)")
    assert [(name, kind.partition("(")[0]) for name, kind in found] == documented
