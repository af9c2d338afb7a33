"""Kill a build again and again: data and record agree, what was acknowledged is there, only what is due is done again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from penstock.state.queries import queries
from penstock.state.store import migrations, split_statements

from tests.kill.harness import report, run
from tests.kill.judge import Judge
from tests.kill.nursery import Nursery
from tests.kill.project import BY_KEY, DAILY, NODES, READINGS, TEST, TWICE, partitions_of, variant

NOT_IN_A_BUILD = (
    "show_", "gc_", "table_sizes", "last_run", "fence_or_fail", "record_table", "release_claims", "record_failure", "insert_code_aliases",
    "insert_definitions", "definitions_as_of", "run_as_of", "statuses", "fresher_since",
    "insert_source_freshness", "last_commits", "failed_looks", "record_partition_failures", "high_water_of", "partition_statuses",
    "insert_backfill", "backfill_left", "ci_samples", "failed_checks", "insert_waivers", "insert_check_samples", "record_column_metrics",
    "record_cursor_column", "cursor_column_of", "columns_to_record", "insert_column_coverage", "insert_column_edges",
    "insert_relation_columns", "recorded_column_edges", "recorded_coverage", "recorded_relation_columns",
)  # fmt: skip
"""Named queries of screens, of the garbage collector, of dbt's hooks, of skipped, failed and edited assets, of dbt's definitions,
of selections, of looks at sources, of cursors, of backfills, of waivers, of failing rows, of column lineage and of full metrics: no
good build of this project runs them."""

READ_TOGETHER = {
    "latest_attempts", "current_inputs", "failed_partitions", "current_materializations", "latest_checks", "code_aliases",
    "current_projections", "crashed_claims", "check_blocks", "current_waivers",
}  # fmt: skip
"""Named queries that the planner asks as one statement; they only read."""

IN_AN_AUDIT = ("begin.", "fence.", "write.", "record_failure.", "insert_check_")
"""Steps of a transaction that a test ends."""

STEPS = {
    "begin.after", "write.before", "slice.deleted", "write.after", "audit.after", "commit.before", "commit.after",
    "migration.before_commit", "migration.after_commit",
}  # fmt: skip


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


def test_two_hundred_kills_leave_data_and_record_in_agreement() -> None:
    figures = run(200, seed=1)
    assert figures.kills == 200
    assert figures.violations == [], report(figures)
    assert figures.at_fail_points >= 80
    assert figures.at_random >= 80
    assert figures.finished_rounds >= 20
    assert figures.acknowledged > 200


def test_the_checker_sees_a_record_written_in_a_second_transaction() -> None:
    figures = run(30, seed=2, arm="control")
    assert figures.violating_kills >= 1
    assert any("record" in line for line in figures.violations), report(figures)


def test_every_statement_of_a_build_is_a_fail_point_before_and_after(tmp_path: Path, nursery: Nursery) -> None:
    passed = (
        nursery.build(tmp_path / "kill.duckdb", "--trace").hits | nursery.build(tmp_path / "kill.duckdb", "--trace", "--round", "1").hits
    )
    statements = [name for name in queries() if not name.startswith(NOT_IN_A_BUILD) and name not in READ_TOGETHER]
    assert len(statements) > 20
    assert set(passed) >= {f"{name}.{side}" for name in statements for side in ("before", "after")} | STEPS


def test_a_kill_in_a_migration_leaves_the_old_version_or_the_new_one(tmp_path: Path, nursery: Nursery) -> None:
    passages = nursery.build(tmp_path / "whole.duckdb", "--trace").hits["migration.statement"]
    first = len(split_statements(migrations()[0][1]))
    found = {"no store": 0, "store": 0}
    for number in range(1, passages + 1):
        database = tmp_path / f"{number}.duckdb"
        assert nursery.build(database, killed_at=f"migration.statement={number}").killed
        verdict = nursery.judge(database)
        assert verdict == ["no store" if number <= first else "store"]
        found[verdict[0]] += 1
    assert min(found.values()) > 5
    for step, number, verdict in (("before", 1, "no store"), ("after", 1, "store"), ("before", len(migrations()), "store")):
        database = tmp_path / f"{step}{number}.duckdb"
        assert nursery.build(database, killed_at=f"migration.{step}_commit={number}").killed
        assert nursery.judge(database) == [verdict]


@pytest.mark.parametrize(
    "place", ["migration.statement=7", "migration.before_commit=1", "migration.after_commit=1", "migration.before_commit=3"]
)
def test_the_build_after_a_kill_in_a_migration_goes_through(tmp_path: Path, nursery: Nursery, place: str) -> None:
    database = tmp_path / "kill.duckdb"
    assert nursery.build(database, killed_at=place).killed
    assert nursery.build(database).status == 0
    assert nursery.judge(database, finished=0) == ["store"]


def test_a_build_with_nothing_due_writes_nothing(tmp_path: Path, nursery: Nursery) -> None:
    database = tmp_path / "kill.duckdb"
    assert len(nursery.build(database).acks) == sum(len(partitions_of(node)) for node in NODES)
    assert nursery.build(database).acks == []


@pytest.mark.parametrize(
    ("asset", "place", "done"),
    [
        (DAILY, "fence_partitions.after=2", 2),
        (DAILY, "slice.deleted=1", 2),
        (DAILY, "commit.before=2", 2),
        (DAILY, "commit.after=2", 4),
        (READINGS, "slice.deleted=2", 2),
        (READINGS, "record_version.after=3", 2),
    ],
)
def test_a_crashed_partition_is_done_again_and_its_neighbours_are_not(
    tmp_path: Path, nursery: Nursery, asset: str, place: str, done: int
) -> None:
    database = tmp_path / "kill.duckdb"
    names = [name for name, _, _ in partitions_of(BY_KEY[asset])]
    first = nursery.build(database, "--only", asset, killed_at=place)
    assert first.killed
    assert nursery.judge(database, part=True) == ["store"]
    second = nursery.build(database, "--only", asset)
    assert sorted(ack.partition for ack in second.acks) == names[done:]
    assert nursery.judge(database, part=True) == ["store"]


def test_late_rows_redo_their_days_alone_also_after_a_crash(tmp_path: Path, nursery: Nursery) -> None:
    database = tmp_path / "kill.duckdb"
    nursery.build(database)
    assert variant("events", 0) != variant("events", 1)
    assert nursery.build(database, "--round", "1", "--only", DAILY, killed_at="insert_agreed_inputs.before=1").killed
    ended = nursery.build(database, "--round", "1")
    assert {ack.partition for ack in ended.acks if ack.asset == DAILY} == set()
    assert sorted(ack.partition for ack in ended.acks if ack.asset == TWICE) == ["2024-02-28", "2024-02-29"]
    assert nursery.judge(database, finished=1, part=True) == ["store"]


def test_the_checker_sees_partitions_whose_record_comes_in_a_second_transaction(tmp_path: Path, nursery: Nursery) -> None:
    database = tmp_path / "kill.duckdb"
    assert nursery.build(database, "--arm", "control", "--only", DAILY, killed_at="between.after=2").killed
    assert any(line.startswith(DAILY) for line in nursery.judge(database, part=True))


def customer_value(database: Path) -> tuple[str, int]:
    """Return what readers see of the table that the test looks at."""
    judge = Judge(database)
    try:
        return judge.content(BY_KEY[TEST[1]].relation)
    finally:
        judge.connection.close()


def test_no_row_that_a_test_refuses_is_visible_after_a_kill(tmp_path: Path, nursery: Nursery) -> None:
    database = tmp_path / "kill.duckdb"
    refused = ("--round", "2", "--refuse", "before")
    assert nursery.build(database).status == 0
    good = customer_value(database)
    first = nursery.build(database, *refused)
    assert first.status != 0 and not first.killed
    passed = nursery.build(database, "--trace", *refused).hits
    places = [f"{name}={count}" for name in sorted(passed) for count in range(1, passed[name] + 1) if name.startswith(IN_AN_AUDIT)]
    assert {place.partition("=")[0] for place in places} >= {
        "begin.after",
        "write.after",
        "record_failure.before",
        "insert_check_results.after",
    }
    for place in places:
        assert nursery.build(database, *refused, killed_at=place).killed, place
        assert nursery.judge(database, part=True) == ["store"], place
        assert customer_value(database) == good, place
    assert nursery.build(database, "--round", "2").status == 0
    assert nursery.judge(database, finished=2, part=True) == ["store"]
    assert customer_value(database) != good


def test_rows_that_a_test_refuses_too_late_are_seen(tmp_path: Path, nursery: Nursery) -> None:
    database = tmp_path / "kill.duckdb"
    assert nursery.build(database).status == 0
    good = customer_value(database)
    assert nursery.build(database, "--round", "2", "--refuse", "after").status != 0
    assert customer_value(database) != good
