"""`penstock check` and `dbt test` find the same: statuses, failures and messages of every test, and the same tests for each selection."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

import pytest
from checked_project import Checked
from tested_project import RAW, TESTED
from workspace import Dbt, Workspace

NOW = datetime(2024, 1, 6, 12)
Verdict = tuple[str, int | None]


def by_dbt(dbt: Dbt, workspace: Workspace, *args: str) -> dict[str, Verdict]:
    """Run `dbt test` and return status and failures of each test."""
    project = workspace.database.parent
    dbt.attempt("test", *args, project=project)
    results = json.loads((project / "target_dbt" / "run_results.json").read_text(encoding="utf-8"))["results"]
    return {one["unique_id"]: (one["status"], one["failures"]) for one in results}


def by_penstock(workspace: Workspace, *select: str, ok: bool = False, **wanted: object) -> dict[str, Verdict]:
    """Run `penstock check` and return the same of dbt's tests."""
    report = Checked(workspace, NOW).build(*select, command="check", force=True, builds=False, ok=ok, **wanted)
    tests = [one for one in report.outcomes if one.asset.check is None]
    return {one.asset.key: (one.status.value.replace("success", "pass"), one.failures) for one in tests}


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory, dbt: Dbt) -> Workspace:
    """The project full of tests, built by dbt."""
    folder = tmp_path_factory.mktemp("tested") / "project"
    workspace = Workspace(folder, folder / "warehouse.duckdb")
    workspace.write(TESTED)
    workspace.execute(RAW)
    dbt("seed", project=folder)
    dbt("run", project=folder)
    dbt("snapshot", project=folder)
    return workspace


def test_every_test_ends_as_in_dbt(tested: Workspace, dbt: Dbt) -> None:
    expected, found = by_dbt(dbt, tested), by_penstock(tested)
    assert Counter(status for status, _ in expected.values()).keys() == {"pass", "fail", "warn", "error"}
    assert len(expected) >= 60
    differing = {key: (verdict, found.get(key)) for key, verdict in expected.items() if found.get(key) != verdict}
    assert (differing, found.keys() - expected.keys()) == ({}, set())


@pytest.mark.parametrize(
    ("select", "indirect"), [("listed", "buildable"), ("fact", "cautious"), ("tag:slow", "eager"), ("test_name:at_least", "empty")]
)
def test_the_same_tests_are_chosen_as_in_dbt(tested: Workspace, dbt: Dbt, select: str, indirect: str) -> None:
    expected = by_dbt(dbt, tested, "--select", select, "--indirect-selection", indirect)
    good = not any(status in ("fail", "error") for status, _ in expected.values())
    assert expected.keys() == by_penstock(tested, select, ok=good, indirect=indirect).keys()
    assert len(expected) >= 2


def test_warnings_are_failures_where_they_are_to_be(tested: Workspace, dbt: Dbt) -> None:
    chosen = ("warns_of_large", "unique_fact_tagged", "unique_fact_warns")
    expected = by_dbt(dbt, tested, "--warn-error", "--select", *chosen)
    assert [status for status, _ in expected.values()] == ["fail"] * 3
    assert by_penstock(tested, *chosen, warn_error=True) == expected


def test_the_rows_that_fail_are_stored_where_dbt_stores_them(tested: Workspace, dbt: Dbt) -> None:
    kept = "select table_name, table_type from information_schema.tables where table_schema = 'main_dbt_test__audit' order by all"
    rows = "select * from main_dbt_test__audit.stored"
    chosen = ("stored", "stored_as_view")
    by_dbt(dbt, tested, "--select", *chosen)
    expected = (tested.query(kept), tested.query(rows))
    tested.execute("drop schema main_dbt_test__audit cascade")
    by_penstock(tested, *chosen)
    assert (tested.query(kept), tested.query(rows)) == expected
    assert len(expected[1]) == 1


def test_the_demo_is_tested_as_in_dbt(demo: Workspace, dbt: Dbt) -> None:
    demo.penstock("build").expect(0)
    expected = by_dbt(dbt, demo)
    assert len(expected) >= 5
    assert by_penstock(demo, ok=True) == expected
