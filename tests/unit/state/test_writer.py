"""What running code writes: runs and crashes, claims and their tokens, the graph's differences, results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from penstock.assets.asset import Column, EdgeKind
from penstock.errors import WarehouseError
from penstock.graph.asset_graph import AssetGraph
from penstock.state.reader import read_state
from penstock.state.writer import CheckRow
from penstock.warehouse.failpoints import InjectedFault, arm
from state_builders import NOON, Story, asset, graph, new_store, rows_of


@pytest.fixture
def story() -> Iterator[Story]:
    yield Story(new_store())
    arm(None)


def attempts(story: Story) -> list[tuple[object, ...]]:
    return rows_of(story.sql, "select run_id, asset, status from {state}.attempt order by token, finished_at")


def claims(story: Story) -> list[tuple[object, ...]]:
    return rows_of(story.sql, "select run_id, asset, token from {state}.claim order by token")


def test_a_claim_left_in_flight_is_marked_as_crashed_once(story: Story) -> None:
    story.start("run1")
    story.claim("model.a")
    story.start("run2")
    assert attempts(story) == [("run1", "model.a", "crashed")]
    assert rows_of(story.sql, "select started_at, finished_at from {state}.attempt") == [
        (NOON + timedelta(days=1), NOON + timedelta(days=2))
    ]
    story.start("run3")
    assert attempts(story) == [("run1", "model.a", "crashed")]


def test_only_unanswered_claims_are_marked_as_crashed(story: Story) -> None:
    story.start("run1")
    story.build("model.good")
    story.fail("model.bad")
    story.claim("model.lost")
    story.start("run2")
    assert [row for row in attempts(story) if row[2] == "crashed"] == [("run1", "model.lost", "crashed")]


def test_a_materialization_answers_a_claim_too(story: Story) -> None:
    """Through dbt the record commits first and the attempt's row follows: a process may die between."""
    story.start("run1")
    story.build("model.a")
    rows_of(story.sql, "delete from {state}.attempt")
    story.start("run2")
    assert attempts(story) == []


def test_each_partition_is_answered_for_itself(story: Story) -> None:
    story.start("run1")
    story.build("model.a", "2024")
    story.claim("model.a", "2025")
    assert read_state(story.sql).failed_partitions == {"model.a": ("2025",)}
    story.start("run2")
    assert rows_of(story.sql, "select \"partition\" from {state}.attempt where status = 'crashed'") == [("2025",)]


def test_a_snapshot_names_what_crashed_before_anyone_marked_it(story: Story) -> None:
    story.start("run1")
    story.claim("model.a")
    story.build("model.b")
    assert read_state(story.sql).crashed == {"model.a"}


def test_a_run_that_cannot_be_noted_whole_is_not_noted_at_all(story: Story) -> None:
    story.start("run1")
    story.claim("model.a")
    arm("insert_observations.before=1:raise")
    with pytest.raises(InjectedFault):
        story.start("run2", {"model.a": "BUILD"}, {"file:x": "1"})
    arm(None)
    assert rows_of(story.sql, "select run_id from {state}.run") == [("run1",)]
    assert (attempts(story), rows_of(story.sql, "select * from {state}.decision")) == ([], [])
    story.start("run3", {"model.a": "BUILD"}, {"file:x": "1"})
    assert rows_of(story.sql, "select run_id, asset from {state}.decision") == [("run3", "model.a")]
    assert rows_of(story.sql, "select asset, version, strength from {state}.observation") == [("file:x", "1", "listing")]


def test_a_later_claim_has_a_higher_token_and_replaces_the_earlier_one(story: Story) -> None:
    story.start("run1")
    first = story.writer.claim("run1", [("model.a", ""), ("model.b", ""), ("model.b", "2024")], NOON)
    assert list(first.values()) == [1, 2, 3]
    second = story.writer.claim("run2", [("model.b", "")], NOON)
    assert second == {("model.b", ""): 4}
    assert claims(story) == [("run1", "model.a", 1), ("run1", "model.b", 3), ("run2", "model.b", 4)]


def test_tokens_rise_also_when_the_last_claim_is_gone(story: Story) -> None:
    story.start("run1")
    story.build("model.a")
    used = rows_of(story.sql, "select token from {state}.materialization")[0][0]
    failed = story.fail("model.b")
    rows_of(story.sql, "delete from {state}.claim")
    assert story.claim("model.c") > failed > used
    rows_of(story.sql, "delete from {state}.claim")
    rows_of(story.sql, "delete from {state}.attempt")
    assert story.claim("model.c") > used


def test_claiming_nothing_gives_no_token(story: Story) -> None:
    story.start("run1")
    assert (story.writer.claim("run1", [], NOON), claims(story)) == ({}, [])


def test_a_claim_that_is_cut_off_leaves_the_earlier_holder(story: Story) -> None:
    story.start("run1")
    story.claim("model.a")
    arm("insert_claims.before=1:raise")
    with pytest.raises(InjectedFault):
        story.writer.claim("run2", [("model.a", "")], NOON)
    assert claims(story) == [("run1", "model.a", 1)]


def test_what_is_being_published_cannot_be_taken_over(story: Story) -> None:
    from penstock.state.store import Statements

    story.start("run1")
    token = story.claim("model.a")
    other = Statements(story.sql.connection.__class__(story.sql.connection._cursor.cursor()), "penstock")
    other.connection.begin()
    assert other.run("fence", {"claimed_at": NOON, "asset": "model.a", "partition": ""}) == [(token,)]
    with pytest.raises(WarehouseError, match="(?i)conflict"):
        story.writer.claim("run2", [("model.a", "")], NOON)
    other.connection.commit()
    assert claims(story) == [("run1", "model.a", token)]


def test_only_the_runs_own_claims_are_given_back(story: Story) -> None:
    story.start("run1")
    story.writer.claim("run1", [("model.a", ""), ("model.b", ""), ("model.b", "2024")], NOON)
    story.writer.release("run2", [("model.a", "")])
    story.writer.release("run1", [("model.b", "")])
    story.writer.release("run1", [])
    assert claims(story) == [("run1", "model.a", 1), ("run1", "model.b", 3)]


def test_only_differences_of_the_graph_are_written(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash1")
    story.writer.record_graph("run2", graph("model.a -> model.b", b="new code"), "hash2")
    assert rows_of(story.sql, "select run_id, asset, code_version, removed from {state}.asset order by all") == [
        ("run1", "model.a", "code", False), ("run1", "model.b", "code", False), ("run2", "model.b", "new code", False),
    ]  # fmt: skip
    assert rows_of(story.sql, "select run_id, parent, child from {state}.edge") == [("run1", "model.a", "model.b")]
    assert rows_of(story.sql, """select "value" from {state}.meta where "key" = 'graph_hash'""") == [("hash2",)]


def test_a_graph_with_a_known_hash_is_not_looked_at(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
    story.writer.record_graph("run2", graph("model.c"), "hash")
    assert rows_of(story.sql, "select asset from {state}.current_asset order by all") == [("model.a",), ("model.b",)]


def test_what_is_gone_from_the_graph_is_marked_and_may_come_back(story: Story) -> None:
    current = "select asset from {state}.current_asset order by all"
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash1")
    story.writer.record_graph("run2", graph("model.a"), "hash2")
    assert rows_of(story.sql, current) == [("model.a",)]
    assert rows_of(story.sql, "select * from {state}.lineage") == []
    assert rows_of(story.sql, "select asset from {state}.asset where removed") == [("model.b",)]
    story.writer.record_graph("run3", graph("model.a -> model.b"), "hash3")
    assert rows_of(story.sql, current) == [("model.a",), ("model.b",)]
    assert rows_of(story.sql, "select * from {state}.lineage") == [("model.a", "model.b", "data")]


def test_an_edge_that_changes_its_kind_is_one_edge(story: Story) -> None:
    pair = [asset("model.a"), asset("test.t")]
    story.writer.record_graph("run1", AssetGraph(pair, [("model.a", "test.t", EdgeKind.DATA)]), "hash1")
    story.writer.record_graph("run2", AssetGraph(pair, [("model.a", "test.t", EdgeKind.TEST)]), "hash2")
    assert rows_of(story.sql, "select * from {state}.lineage") == [("model.a", "test.t", "test")]
    assert rows_of(story.sql, "select count(*) from {state}.edge") == [(2,)]


def test_columns_and_tags_are_written_where_they_differ(story: Story) -> None:
    def one(tags: tuple[str, ...], *columns: Column) -> AssetGraph:
        return AssetGraph([asset("model.a", tags=tags, columns=columns)], [])

    story.writer.record_graph("run1", one(("x",), Column("id", "int"), Column("gone")), "hash1")
    story.writer.record_graph("run2", one(("x",), Column("id", "bigint", "the key")), "hash2")
    story.writer.record_graph("run3", one(("x", "y"), Column("id", "bigint", "the key")), "hash3")
    assert story.sql.run("recorded_columns") == [("model.a", "id", "bigint", "the key")]
    assert rows_of(story.sql, 'select run_id, "column", removed from {state}.asset_column order by all') == [
        ("run1", "gone", False), ("run1", "id", False), ("run2", "gone", True), ("run2", "id", False),
    ]  # fmt: skip
    assert rows_of(story.sql, "select run_id, tags from {state}.asset order by all") == [("run1", ["x"]), ("run3", ["x", "y"])]


def test_a_graph_that_cannot_be_written_whole_is_not_written(story: Story) -> None:
    arm("insert_edges.after=1:raise")
    with pytest.raises(InjectedFault):
        story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
    assert rows_of(story.sql, "select * from {state}.asset") == []
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
    assert rows_of(story.sql, "select count(*) from {state}.asset") == [(2,)]


def test_results_of_checks_are_read_back_and_the_latest_counts(story: Story) -> None:
    rows = [
        CheckRow("test.t", "model.a", "fail", "ERROR", 3, "it's bad", "code1", "in1", "", NOON, 0.25),
        CheckRow("test.u", "model.a", "error", "WARN", None, "", "code1", "", "now", NOON, 0.0),
    ]
    story.writer.check_results("run1", rows)
    story.writer.check_results("run2", [CheckRow("test.t", "model.a", "pass", "ERROR", 0, "", "code2", "in2", "", NOON + timedelta(1), 1)])
    story.writer.check_results("run3", [])
    assert rows_of(story.sql, 'select "check", asset, run_id, status, severity, failures, message, seconds from {state}.check_history') == [
        ("test.t", "model.a", "run1", "fail", "ERROR", 3, "it's bad", 0.25),
        ("test.u", "model.a", "run1", "error", "WARN", None, "", 0.0),
        ("test.t", "model.a", "run2", "pass", "ERROR", 0, "", 1.0),
    ]
    found = read_state(story.sql)
    latest = found.checks["test.t"]
    assert (latest.status, latest.code_version, latest.run_id, latest.inputs_version) == ("pass", "code2", "run2", "in2")
    assert {check: result.volatile for check, result in found.checks.items()} == {"test.t": "", "test.u": "now"}
    assert [row[0] for row in story.sql.run("show_check_failures")] == ["test.u"]
