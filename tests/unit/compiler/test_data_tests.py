"""A data test's verdict is dbt's: https://docs.getdbt.com/reference/resource-configs/severity, .../limit and .../fail_calc."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.assets.asset import TestSpec
from penstock.compiler.tests import TestVerdict, test_query, verdict
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse

test_query.__test__ = False  # type: ignore[attr-defined] # its name is dbt's word, not pytest's


@pytest.fixture(scope="module")
def connection() -> DuckDBConnection:
    return DuckDBWarehouse.in_memory().connect()


def run(connection: DuckDBConnection, query: str, **spec: Any) -> TestVerdict:
    made = TestSpec(**spec)
    rows = connection.execute(test_query(made, query))
    assert len(rows) == 1 and len(rows[0]) == 3
    return verdict(made, *rows[0])


TABLE = [
    # severity, warn_if, error_if, failing rows -> status
    ("ERROR", "!= 0", "!= 0", 0, "pass"),
    ("ERROR", "!= 0", "!= 0", 1, "fail"),
    ("WARN", "!= 0", "!= 0", 0, "pass"),
    ("WARN", "!= 0", "!= 0", 5, "warn"),
    ("ERROR", ">10", ">100", 10, "pass"),
    ("ERROR", ">10", ">100", 11, "warn"),
    ("ERROR", ">10", ">100", 100, "warn"),
    ("ERROR", ">10", ">100", 101, "fail"),
    ("WARN", ">10", ">100", 101, "warn"),
    ("WARN", ">10", ">3", 5, "pass"),
    ("ERROR", ">10", ">3", 5, "fail"),
    ("ERROR", "!= 0", ">1000", 5, "warn"),
    ("ERROR", "between 1 and 3", "between 4 and 6", 3, "warn"),
    ("ERROR", "between 1 and 3", "between 4 and 6", 6, "fail"),
    ("ERROR", "between 1 and 3", "between 4 and 6", 7, "pass"),
    ("ERROR", "= 0", "= -1", 0, "warn"),
]


@pytest.mark.parametrize(("severity", "warn_if", "error_if", "rows", "status"), TABLE)
def test_severity_and_thresholds_decide_as_in_dbt(
    connection: DuckDBConnection, severity: str, warn_if: str, error_if: str, rows: int, status: str
) -> None:
    found = run(connection, f"select * from range({rows})", severity=severity, warn_if=warn_if, error_if=error_if)
    assert (found.status, found.failures) == (status, 0 if status == "pass" else rows)


def test_messages_are_dbts(connection: DuckDBConnection) -> None:
    assert run(connection, "select 1").message == "Got 1 result, configured to fail if != 0"
    assert run(connection, "select 1 union all select 2").message == "Got 2 results, configured to fail if != 0"
    assert run(connection, "select 1", severity="WARN", warn_if=">= 1").message == "Got 1 result, configured to warn if >= 1"
    assert run(connection, "select 1 where false", warn_if="= 0", error_if="> 5").message == "Got 0 results, configured to warn if = 0"
    assert run(connection, "select 1 where false").message == ""


@pytest.mark.parametrize(("limit", "failures"), [(None, 50), (7, 7), (0, 0), (50, 50), (51, 50)])
def test_a_limit_caps_what_is_counted(connection: DuckDBConnection, limit: int | None, failures: int) -> None:
    assert run(connection, "select * from range(50) -- all", limit=limit).failures == failures


def test_a_limit_below_the_threshold_hides_the_failure(connection: DuckDBConnection) -> None:
    assert run(connection, "select * from range(50)", limit=5, warn_if="> 5", error_if="> 5").status == "pass"


@pytest.mark.parametrize(
    ("fail_calc", "failures", "status"),
    [("count(*)", 4, "fail"), ("sum(n)", 6, "fail"), ("max(n)", 3, "pass"), ("count(distinct n % 2)", 2, "pass")],
)
def test_a_calculation_may_stand_in_for_the_count(connection: DuckDBConnection, fail_calc: str, failures: int, status: str) -> None:
    found = run(connection, "select range as n from range(4)", fail_calc=fail_calc, warn_if="> 3", error_if="> 3")
    assert (found.failures, found.status) == (failures if status == "fail" else 0, status)


def test_a_query_with_its_own_limit_order_and_with_is_only_wrapped(connection: DuckDBConnection) -> None:
    query = "with x as (select * from range(10)) select * from x order by 1 desc limit 3 -- three"
    assert run(connection, query).failures == 3
    assert run(connection, query, limit=2).failures == 2
