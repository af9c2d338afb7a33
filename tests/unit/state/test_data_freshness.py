"""How old data is, through views and tables, and what `fresh:` makes of it: from stores filled by hand."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from penstock.assets.asset import SourceSpec
from penstock.assets.freshness import COMMIT, ERROR, FIELD, PASS, RUNTIME_ERROR, SourceAge
from penstock.graph.asset_graph import AssetGraph
from penstock.state.freshness import lateness_of, verdicts
from state_builders import Story, empty_database, graph, new_store, rows_of

DAY = timedelta(days=1)
LIMITS = {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": 2, "period": "day"}}
META = {"meta": {"penstock": {"freshness": LIMITS}}}


@pytest.fixture
def story() -> Story:
    return Story(new_store())


def limited(base: AssetGraph, *keys: str) -> AssetGraph:
    """The same graph, in which these assets say how old they may be, and sources are sources."""

    def changed(asset: Any) -> Any:
        if asset.key.startswith("source."):
            return dataclasses.replace(asset, source=SourceSpec("s", freshness=LIMITS if asset.key in keys else {}))
        return dataclasses.replace(asset, config=META) if asset.key in keys else asset

    return AssetGraph(map(changed, base.assets), base.edges())


def loaded(story: Story, key: str, at: datetime | None, status: str = PASS, basis: str = FIELD) -> None:
    """Record one look at a source; `at` is when it was loaded. Run ids follow each other."""
    number = rows_of(story.sql, "select count(*) from {state}.source_freshness")[0][0]
    seen = None if status == RUNTIME_ERROR else story.now
    story.writer.source_ages(f"look{number}", [SourceAge(key, status, basis, at, seen, 0)], story.now)


def late(story: Story, key: str, after: timedelta = timedelta(0)) -> tuple[str, datetime | None, str | None]:
    found = lateness_of(story.sql, story.now + after)[key]
    return found.status, found.loaded_at, found.oldest_input


def test_data_is_as_old_as_the_oldest_source_through_views_and_tables(story: Story) -> None:
    chain = graph("source.a -> model.v", "model.v -> model.t", "source.b -> model.t", "model.t -> model.m")
    story.writer.record_graph("run1", limited(chain, "model.m", "model.v"), "hash")
    story.start("run1")
    for key in ("model.v", "model.t", "model.m"):
        story.build(key, view=key == "model.v")
    loaded(story, "source.a", story.now - DAY * 3)
    loaded(story, "source.b", story.now)
    assert late(story, "model.m") == ("error", story.now - DAY * 3, "source.a")
    assert late(story, "model.v") == ("error", story.now - DAY * 3, "source.a")
    loaded(story, "source.a", story.now - DAY / 2)
    assert [late(story, "model.m", DAY * days)[0] for days in (0.5, 0.6, 1.5, 1.6)] == ["pass", "warn", "warn", "error"]


def test_a_table_behind_its_input_is_as_old_as_its_last_build(story: Story) -> None:
    story.writer.record_graph("run1", limited(graph("source.a -> model.t", "model.t -> model.m"), "model.m"), "hash")
    story.start("run1", seen={"source.a": "old"})
    built = story.now
    version = story.build("model.t", inputs={"source.a": "old"})
    story.build("model.m", inputs={"model.t": version})
    story.start("run2", seen={"source.a": "new"})
    loaded(story, "source.a", story.now)
    assert late(story, "model.m") == ("pass", built, "model.t")
    story.build("model.t", inputs={"source.a": "new"})
    assert late(story, "model.m") == ("pass", story.now, "source.a")


def test_without_a_source_upstream_the_last_build_counts_and_seeds_never_age_their_readers(story: Story) -> None:
    story.writer.record_graph("run1", limited(graph("seed.s -> model.t"), "model.t"), "hash")
    assert late(story, "model.t") == ("unknown", None, None)
    story.start("run1")
    story.build("seed.s")
    story.start("run2")
    story.build("model.t")
    assert late(story, "model.t") == ("pass", story.now, "model.t")


def test_a_source_without_rows_is_infinitely_old_and_a_failed_look_changes_nothing(story: Story) -> None:
    story.writer.record_graph("run1", limited(graph("source.a -> model.t"), "source.a", "model.t"), "hash")
    assert late(story, "source.a") == ("unknown", None, None)
    loaded(story, "source.a", story.now)
    story.now += DAY / 2
    loaded(story, "source.a", None, RUNTIME_ERROR)
    assert late(story, "source.a") == ("pass", story.now - DAY / 2, "source.a")
    story.now += DAY / 2
    loaded(story, "source.a", None, ERROR)
    assert late(story, "source.a") == ("error", None, "source.a")
    assert late(story, "model.t")[0] == "error"


def test_a_source_that_an_ingestion_file_loads_has_the_time_of_its_last_commit(story: Story) -> None:
    story.writer.record_graph("run1", limited(graph("source.a -> model.t"), "source.a"), "hash")
    story.start("run1")
    story.build("source.a")
    loaded(story, "source.a", story.now - DAY * 9, basis=COMMIT)
    assert late(story, "source.a") == ("pass", story.now, "source.a"), "the commit itself says it best"
    loaded(story, "source.a", story.now - DAY * 9)
    assert late(story, "source.a")[0] == "error", "unless it names a field"


def test_verdicts_are_stale_fresh_or_unknown(story: Story) -> None:
    chain = graph("source.a -> model.t", "source.b -> model.u", "source.c -> model.u", "model.u -> model.x")
    story.writer.record_graph("run1", limited(chain, "source.a", "source.b", "model.t"), "hash")
    story.start("run1")
    for key in ("model.t", "model.u"):
        story.build(key)
    loaded(story, "source.a", story.now - DAY * 1.5)
    loaded(story, "source.b", story.now)
    assert verdicts(story.sql, story.now) == {
        "source.a": "stale", "model.t": "stale", "source.b": "fresh", "model.u": "fresh", "source.c": "unknown", "model.x": "stale",
    }  # fmt: skip
    loaded(story, "source.b", None, RUNTIME_ERROR)
    story.start("run2")
    story.fail("model.u")
    assert {key: verdicts(story.sql, story.now)[key] for key in ("source.b", "model.u")} == {"source.b": "unknown", "model.u": "stale"}


def test_an_older_store_knows_no_lateness() -> None:
    sql = empty_database()
    assert lateness_of(sql, datetime(2024, 1, 1)) == {}


def test_criteria_that_change_are_recorded_with_the_graph(story: Story) -> None:
    story.writer.record_graph("run1", graph("model.t"), "one")
    story.writer.record_graph("run2", limited(graph("model.t"), "model.t"), "two")
    recorded = "select warn_after_seconds, error_after_seconds from {state}.current_asset"
    assert rows_of(story.sql, recorded) == [(86400, 172800)]
    assert rows_of(story.sql, "select count(*) from {state}.asset") == [(2,)]


def test_old_looks_are_forgotten_but_the_latest_and_the_latest_good_one_stay(story: Story) -> None:
    start = story.now
    for hours, status in enumerate((PASS, PASS, RUNTIME_ERROR, RUNTIME_ERROR)):
        story.now = start + timedelta(hours=hours)
        loaded(story, "source.a", None, status)
    story.sql.run("gc_source_freshness", {"before": start + DAY})
    assert rows_of(story.sql, "select observed_at from {state}.source_freshness order by 1") == [
        (start + timedelta(hours=1),), (start + timedelta(hours=3),),
    ]  # fmt: skip
