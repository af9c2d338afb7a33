"""A data test as one statement: dbt's `get_test_sql`, with the same three columns."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.assets.asset import TestSpec


@dataclass(frozen=True, slots=True)
class TestVerdict:
    """What a data test found: dbt's status, the number of failures, and dbt's message."""

    __test__ = False

    status: str
    failures: int
    message: str


def test_query(spec: TestSpec, query: str) -> str:
    """Return the statement that counts failures and compares them with both thresholds.

    Source: dbt-core's `materialization test` and `default__get_test_sql`.
    """
    limited = f"select * from (\n{query}\n) dbt_internal_test\nlimit {int(spec.limit)}" if spec.limit is not None else query
    return (
        f"select {spec.fail_calc} as failures, {spec.fail_calc} {spec.warn_if} as should_warn, "
        f"{spec.fail_calc} {spec.error_if} as should_error\nfrom (\n{limited}\n) dbt_internal_test"
    )


def verdict(spec: TestSpec, failures: int, should_warn: bool, should_error: bool) -> TestVerdict:
    """Return dbt's status and message. Source: dbt-core's `TestRunner.build_test_run_result`."""
    count = f"{failures} result{'' if failures == 1 else 's'}"
    if spec.severity == "ERROR" and should_error:
        return TestVerdict("fail", failures, f"Got {count}, configured to fail if {spec.error_if}")
    if should_warn:
        return TestVerdict("warn", failures, f"Got {count}, configured to warn if {spec.warn_if}")
    return TestVerdict("pass", 0, "")
