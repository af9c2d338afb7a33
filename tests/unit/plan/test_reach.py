"""What a change reaches: through columns where they are known, through everything where not, and through rows always."""

from __future__ import annotations

from datetime import UTC, datetime

from penstock.assets.asset import Asset, EdgeKind, Kind, SourceSpec, TestSpec
from penstock.assets.records import Materialization, PartitionRecord, StateSnapshot
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.column_graph import AssetColumnEdge
from penstock.parser.column_lineage import ROWS, Flow
from penstock.plan.reach import impact, reach

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def model(name: str) -> Asset:
    return Asset(f"model.p.{name}", Kind.MODEL, name, materialized="table")


def not_null(name: str, column: str) -> Asset:
    return Asset(f"test.p.{name}", Kind.TEST, name, test=TestSpec(name="not_null", column=column))


BOARD = Asset("exposure.p.board", Kind.EXPOSURE, "board", owner="Sales team")
ASSETS = [model(name) for name in "abcd"] + [not_null("a_x", "x"), not_null("a_y", "y"), not_null("b_v", "v"), BOARD]
GRAPH = AssetGraph(
    ASSETS,
    [
        *((f"model.p.{parent}", f"model.p.{child}", EdgeKind.DATA) for parent, child in ("ab", "bc", "ad")),
        ("model.p.c", BOARD.key, EdgeKind.DATA),
        *((f"model.p.{name[0]}", f"test.p.{name}", EdgeKind.TEST) for name in ("a_x", "a_y", "b_v")),
    ],
)
EDGES = [
    AssetColumnEdge("model.p.a", "X", "model.p.b", "v", Flow.DERIVED),
    AssetColumnEdge("model.p.a", "y", "model.p.b", ROWS, Flow.FILTER),
    AssetColumnEdge("model.p.b", "v", "model.p.c", "w", Flow.PASSTHROUGH),
    AssetColumnEdge("model.p.a", "y", "model.p.d", "y", Flow.PASSTHROUGH),
]
READ = ["model.p.b", "model.p.c", "model.p.d"]


def reached(columns: frozenset[str] | None, read: list[str] = READ) -> dict[str, object]:
    return {key.rpartition(".")[2]: found for key, found in reach(GRAPH, {"model.p.a": columns}, EDGES, read).items()}


def test_a_column_reaches_what_is_made_of_it_and_nothing_else() -> None:
    found = reached(frozenset({"x"}))
    assert {name: found[name] for name in "abc"} == {"a": {"x"}, "b": {"v"}, "c": {"w"}}
    assert "d" not in found


def test_a_column_that_decides_about_rows_reaches_every_column() -> None:
    found = reached(frozenset({"y"}))
    assert {name: found[name] for name in "abcd"} == {"a": {"y"}, "b": None, "c": None, "d": {"y"}}


def test_rows_reach_every_reader() -> None:
    assert {name: reached(None)[name] for name in "abcd"} == dict.fromkeys("abcd")


def test_what_was_not_read_depends_on_everything() -> None:
    assert reached(frozenset({"x"}), ["model.p.b", "model.p.c"])["d"] is None


def test_a_source_stands_for_the_columns_of_what_loads_it() -> None:
    source = Asset("source.p.r.s", Kind.SOURCE, "s", source=SourceSpec("r"))
    graph = AssetGraph([model("a"), source], [("model.p.a", source.key, EdgeKind.PRODUCER)])
    assert reach(graph, {"model.p.a": frozenset({"x"})}, [], [])[source.key] == {"x"}


def test_the_impact_counts_checks_by_column_owners_and_what_was_recorded() -> None:
    held = {"1": PartitionRecord("r", 1, "", "", 10, NOW), "2": PartitionRecord("r", 1, "", "", 5, NOW)}
    made = Materialization("model.p.b", "", "r", 1, "", "", 7, "main.b", NOW)
    state = StateSnapshot(materializations={"model.p.b": made}, partitions={"model.p.c": held})
    found = reach(GRAPH, {"model.p.a": frozenset({"x"})}, EDGES, READ)
    told = impact(GRAPH, found, [], {}, state)
    assert told.assets == ("model.p.a", "model.p.b", "model.p.c")
    assert told.columns == (("model.p.a", "x"), ("model.p.b", "v"), ("model.p.c", "w"))
    assert told.checks == ("test.p.a_x", "test.p.b_v")
    assert told.exposures == ((BOARD.key, "Sales team"),)
    assert (told.partitions, told.rows) == (2, 22)
    assert (impact(GRAPH, found, [], {}, None).partitions, impact(GRAPH, found, [], {}, None).rows) == (None, None)


def test_what_is_only_built_again_reaches_nobody_else_and_all_of_its_checks_look_again() -> None:
    told = impact(GRAPH, {}, ["model.p.a"], {}, None)
    assert (told.assets, told.columns) == (("model.p.a",), ())
    assert told.checks == ("test.p.a_x", "test.p.a_y")
