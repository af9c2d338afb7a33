"""The public views on stores filled by hand: where each asset stands, and how each run went."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.assets.records import InputVersion
from penstock.graph.asset_graph import AssetGraph
from penstock.state.content import record_projections
from penstock.state.reader import read_state
from penstock.state.writer import Gap
from state_builders import NOON, Story, asset, graph, new_store, rows_of


@pytest.fixture
def story() -> Story:
    return Story(new_store())


def status(story: Story, key: str) -> tuple[str, str, str]:
    """Status, reason and detail of one asset."""
    rows = rows_of(story.sql, f"select status, reason, detail from {{state}}.asset_status where asset = '{key}'")
    assert len(rows) == 1
    return rows[0]


def test_an_asset_that_consumed_the_latest_input_is_fresh(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
    story.start("run1")
    version = story.build("model.a", rows=5)
    story.build("model.b", inputs={"model.a": version}, rows=7)
    assert status(story, "model.a") == status(story, "model.b") == ("fresh", "fresh", "")
    shown = rows_of(
        story.sql, """select relation, kind, last_built_at, code_version, "rows" from {state}.asset_status where asset = 'model.b'"""
    )
    assert shown == [("main.b", "model", story.now, "1:code", 7)]


def test_an_asset_whose_input_holds_something_else_is_stale_and_names_it(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.b", "model.b -> model.c"), "hash")
    story.start("run1")
    a = story.build("model.a")
    b = story.build("model.b", inputs={"model.a": a})
    story.build("model.c", inputs={"model.b": b})
    story.start("run2")
    story.build("model.a")
    assert status(story, "model.b") == ("fresh", "fresh", ""), "built again with the same content"
    story.build("model.a", rows=2)
    assert status(story, "model.b") == ("stale", "upstream_newer", "model.a")
    assert status(story, "model.c")[0] == "fresh", "only direct inputs count"


def test_a_view_is_never_behind_its_inputs_but_its_readers_are(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.v", "model.v -> model.c"), "hash")
    story.start("run1")
    a = story.build("model.a")
    v = story.build("model.v", inputs={"model.a": a}, view=True)
    story.build("model.c", inputs={"model.a": a, "model.v": v})
    story.build("model.a", rows=2)
    assert status(story, "model.v") == ("fresh", "fresh", "")
    assert status(story, "model.c") == ("stale", "upstream_newer", "model.a")


def test_columns_that_hold_the_same_do_not_make_a_reader_stale(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.b", "model.a -> model.c"), "hash")
    story.start("run1")
    before = story.build("model.a")
    story.build("model.b", inputs=[InputVersion("model.a", before, ("x",))])
    story.build("model.c", inputs=[InputVersion("model.a", before, ("x", "y"))])
    after = story.build("model.a", rows=2)
    assert status(story, "model.b")[0] == status(story, "model.c")[0] == "stale", "nothing is known of the columns alone"
    projected = {("model.a", before, ("x",)): "p", ("model.a", after, ("x",)): "p", ("model.a", before, ("x", "y")): "p"}
    record_projections(story.sql, "run1", {**projected, ("model.a", after, ("x", "y")): "q"})
    assert (status(story, "model.b")[0], status(story, "model.c")[0]) == ("fresh", "stale")


def test_an_asset_whose_files_changed_is_stale(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a"), "hash")
    story.start("run1", seen={"file:x.csv": "v1"})
    story.build("model.a", inputs={"file:x.csv": "v1"})
    assert status(story, "model.a")[0] == "fresh"
    story.start("run2", seen={"file:x.csv": "v2"})
    assert status(story, "model.a") == ("stale", "upstream_newer", "file:x.csv")


def test_an_asset_built_from_other_code_is_stale(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a", a="new code"), "hash")
    story.start("run1")
    story.build("model.a", code="old code")
    assert status(story, "model.a") == ("stale", "code_changed", "")


def test_code_that_was_found_to_mean_the_same_is_fresh(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a", a="edited"), "hash")
    story.start("run1")
    story.build("model.a", code="old")
    story.writer.code_aliases("run1", {"model.a": ("edited", "1:another")})
    assert status(story, "model.a") == ("stale", "code_changed", "")
    story.writer.code_aliases("run1", {"model.a": ("edited", "1:old")})
    assert status(story, "model.a") == ("fresh", "fresh", "")


def test_a_failure_after_a_good_build_shows_until_the_next_good_one(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a"), "hash")
    story.start("run1")
    story.build("model.a")
    story.start("run2")
    story.fail("model.a", "no such column")
    assert status(story, "model.a") == ("failed", "previous_failed", "no such column")
    story.start("run3")
    story.build("model.a")
    assert status(story, "model.a") == ("fresh", "fresh", "")


def test_an_asset_that_never_succeeded_is_failed_or_never_built(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
    story.start("run1")
    story.fail("model.a")
    assert status(story, "model.a")[:2] == ("failed", "previous_failed")
    assert status(story, "model.b") == ("never_built", "never_built", "")


def test_an_asset_that_was_in_flight_when_the_process_died_is_failed(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a"), "hash")
    story.start("run1")
    story.build("model.a")
    story.start("run2")
    story.claim("model.a")
    story.start("run3")
    assert status(story, "model.a") == ("failed", "previous_failed", "the process ended before this attempt did")
    assert read_state(story.sql).attempts["model.a"].status == "crashed"


def test_what_penstock_does_not_build_is_external_until_it_does(story: Story) -> None:
    story.writer.record_graph("run1", graph("source.s -> model.a", "model.a -> exposure.e"), "hash")
    assert status(story, "source.s")[0] == status(story, "exposure.e")[0] == "external"
    story.start("run1")
    story.build("source.s")
    assert status(story, "source.s")[0] == "fresh"


def test_an_ephemeral_model_is_called_so_and_tests_are_left_out(story: Story) -> None:
    assets = [asset("model.a", materialized="ephemeral"), Asset("test.t", Kind.TEST, "t"), Asset("unit_test.u", Kind.UNIT_TEST, "u")]
    story.writer.record_graph("run1", AssetGraph(assets, []), "hash")
    assert rows_of(story.sql, "select asset, status, reason from {state}.asset_status") == [("model.a", "ephemeral", "ephemeral")]


def test_rows_of_partitions_are_added_up(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a"), "hash")
    story.start("run1")
    for partition, rows in (("2024", 3), ("2025", 4), ("2025", 5)):
        story.build("model.a", partition, rows=rows)
    assert rows_of(story.sql, 'select "rows" from {state}.asset_status') == [(8,)]


def test_an_input_is_as_fresh_as_its_last_change(story: Story) -> None:
    for number, version in enumerate(["v1", "v2", "v2"], 1):
        story.start(f"run{number}", seen={"file:x.csv": version})
    found = rows_of(story.sql, "select asset, strength, last_observed_at, version_first_seen_at, version from {state}.freshness")
    assert found == [("file:x.csv", "listing", NOON.replace(day=17), NOON.replace(day=16), "v2")]


def test_every_step_of_a_run_has_its_status(story: Story) -> None:
    keys = ("model.built", "model.broken", "test.passed", "test.failed", "model.held")
    story.start("run1", {**dict.fromkeys(keys, "BUILD"), "model.old": "REUSE"})
    story.build("model.built", rows=4)
    story.fail("model.broken", "it broke")
    story.check("test.passed", "pass")
    story.check("test.failed", "fail")
    steps = 'select asset, status, "rows", error, executor from {state}.run_steps order by asset'
    unfinished = rows_of(story.sql, steps)
    story.end()
    assert unfinished == [
        ("model.broken", "failed", None, "it broke", "native"),
        ("model.built", "success", 4, "", "native"),
        ("model.held", "unfinished", None, "", ""),
        ("model.old", "reused", None, "", ""),
        ("test.failed", "fail", None, "it is fail", ""),
        ("test.passed", "pass", None, "it is pass", ""),
    ]
    assert [row for row in rows_of(story.sql, steps) if row not in unfinished] == [("model.held", "skipped", None, "", "")]
    assert (
        dict(rows_of(story.sql, "select asset, date_diff('milliseconds', started_at, finished_at) from {state}.run_steps"))["test.passed"]
        == 500
    )


def test_a_step_of_a_dead_run_is_crashed(story: Story) -> None:
    story.start("run1", {"model.a": "BUILD"})
    story.claim("model.a")
    story.start("run2", {"model.a": "BUILD"})
    assert rows_of(story.sql, "select run_id, status from {state}.run_steps order by all") == [("run1", "crashed"), ("run2", "unfinished")]


def test_a_partitioned_step_has_a_row_for_each_partition(story: Story) -> None:
    story.start("run1", {"model.a": "BUILD"})
    story.build("model.a", "2024", rows=2)
    story.fail("model.a", partition="2025")
    found = rows_of(story.sql, 'select "partition", status, "rows" from {state}.run_steps order by all')
    assert found == [("2024", "success", 2), ("2025", "failed", None)]


def test_runs_tell_how_they_ended(story: Story) -> None:
    story.start("run1")
    story.end("failed")
    story.start("run2")
    assert rows_of(story.sql, "select run_id, status, built from {state}.run_history order by all") == [
        ("run1", "failed", 1),
        ("run2", "unfinished", None),
    ]
    assert story.sql.run("show_runs", {"since": NOON, "failed_only": False, "limit": 1})[0][0] == "run2"


def test_partitions_are_held_or_failed(story: Story) -> None:
    story.start("run1")
    story.build("model.a", "held")
    story.build("model.a", "broken later")
    story.fail("model.a", partition="mended")
    story.fail("model.a", partition="never")
    story.start("run2")
    story.fail("model.a", partition="broken later")
    story.build("model.a", "mended")
    story.build("model.whole")
    found = rows_of(story.sql, 'select "partition", status, run_id, "rows" from {state}.partition_status order by all')
    assert found == [
        ("broken later", "failed", "run2", 1),
        ("held", "held", "run1", 1),
        ("mended", "held", "run2", 1),
        ("never", "failed", "run1", None),
    ]
    assert read_state(story.sql).failed_partitions == {"model.a": ("broken later", "never")}


def test_partitions_that_were_interrupted_hold_what_they_held(story: Story) -> None:
    def partition_status() -> list[tuple[Any, ...]]:
        return rows_of(story.sql, 'select "partition", status, run_id from {state}.partition_status order by all')

    story.start("run1")
    story.build("model.a", "held")
    story.fail("model.a", partition="broken")
    story.start("run2")
    for partition in ("broken", "held", "known missing", "new"):
        story.fail("model.a", partition=partition, status="cancelled")
    story.writer.gaps("run2", "model.a", [Gap("known missing", NOON, NOON, "missing"), Gap("waits", NOON, NOON, "waiting")])
    assert partition_status() == [
        ("broken", "failed", "run1"), ("held", "held", "run1"), ("known missing", "missing", "run2"), ("new", "missing", "run2"),
        ("waits", "waiting", "run2"),
    ]  # fmt: skip
    found = read_state(story.sql)
    assert found.failed_partitions == {"model.a": ("broken",)}
    assert found.interrupted_partitions == {"model.a": ("held", "known missing", "new")}
    story.start("run3")
    for partition in ("broken", "held", "known missing", "new"):
        story.build("model.a", partition)
    found = read_state(story.sql)
    assert (found.failed_partitions, found.interrupted_partitions) == ({}, {})
    assert partition_status() == [
        *((partition, "held", "run3") for partition in ("broken", "held", "known missing", "new")), ("waits", "waiting", "run2")
    ]  # fmt: skip


def test_lineage_is_closed_with_the_shortest_way(story: Story) -> None:
    story.writer.record_graph(
        "run1", graph("model.a -> model.b", "model.b -> model.d", "model.a -> model.c", "model.c -> model.e", "model.e -> model.d"), "h"
    )
    found = rows_of(story.sql, "select right(parent, 1) || right(child, 1), depth from {state}.lineage_closure order by all")
    assert found == [("ab", 1), ("ac", 1), ("ad", 2), ("ae", 2), ("bd", 1), ("cd", 2), ("ce", 1), ("ed", 1)]


def test_a_wide_ladder_of_diamonds_is_closed_in_no_time(story: Story) -> None:
    keys = [(f"model.{level}{side}", f"model.{level + 1}{other}") for level in range(30) for side in "ab" for other in "ab"]
    assets = {key: asset(key) for pair in keys for key in pair}
    story.writer.record_graph("run1", AssetGraph(assets.values(), [(*pair, EdgeKind.DATA) for pair in keys]), "hash")
    assert rows_of(story.sql, "select count(*), max(depth) from {state}.lineage_closure") == [(30 * 31 // 2 * 4, 30)]


def test_column_lineage_is_empty_and_can_be_asked(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
    assert (
        rows_of(story.sql, "select * from {state}.column_lineage")
        == rows_of(story.sql, "select * from {state}.column_lineage_closure")
        == []
    )


def test_edges_between_columns_are_closed_too(story: Story) -> None:
    for run, above, below, removed in (("1", "a", "b", False), ("1", "b", "c", False), ("1", "b", "z", False), ("2", "b", "z", True)):
        rows_of(story.sql, f"insert into {{state}}.column_edge values ('{run}', '{above}', 'x', '{below}', 'x', 'value', {removed}, null)")
    found = rows_of(story.sql, "select from_asset || to_asset, depth from {state}.column_lineage_closure order by all")
    assert found == [("ab", 1), ("ac", 2), ("bc", 1)]
