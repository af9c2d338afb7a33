"""A graph has parents before children, names its cycles, and walks as far as it is told."""

from __future__ import annotations

import pytest
from graph_builders import graph_of, node
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.asset import EdgeKind
from penstock.errors import GraphError
from penstock.graph.asset_graph import AssetGraph


def keys(graph: AssetGraph, ids: set[int]) -> str:
    return " ".join(graph.assets[number].key for number in sorted(ids))


def test_parents_come_first_and_ties_go_by_name() -> None:
    graph = graph_of("z -> a", "z -> c", "b", "a, c -> d")
    assert [asset.key for asset in graph.assets] == ["b", "z", "a", "c", "d"]


def test_adjacency_goes_both_ways_and_knows_each_edges_kind() -> None:
    graph = graph_of("a -> b", "b -> test.t")
    a, b, t = (graph.ids[key] for key in ("a", "b", "test.t"))
    assert (graph.parents[b], graph.children[b]) == ((a,), (t,))
    assert list(graph.edges()) == [("a", "b", EdgeKind.DATA), ("b", "test.t", EdgeKind.TEST)]
    assert "a" in graph and "x" not in graph and graph["b"].name == "b" and len(graph) == 3


def test_walks_go_as_far_as_told() -> None:
    graph = graph_of("a -> b", "b -> c", "c -> d", "x -> c")
    start = [graph.ids["c"]]
    assert keys(graph, graph.ancestors(start)) == "a b x"
    assert keys(graph, graph.ancestors(start, 1)) == "b x"
    assert keys(graph, graph.descendants([graph.ids["a"]], 2)) == "b c"
    assert graph.descendants(start, 0) == set() == graph.descendants([])
    assert keys(graph, graph.descendants([graph.ids["a"], graph.ids["b"]])) == "b c d"


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        (["a -> a"], {"a"}),
        (["a -> b", "b -> a"], {"a", "b"}),
        (["r -> a", "a -> b", "b -> c", "c -> a", "c -> d", "d -> e"], {"a", "b", "c"}),
        (["a -> b", "b -> c", "c -> b"], {"b", "c"}),
    ],
)
def test_a_cycle_is_named_from_start_to_start_and_nothing_beside_it(edges: list[str], cycle: set[str]) -> None:
    with pytest.raises(GraphError, match="the graph has a cycle: ") as caught:
        graph_of(*edges)
    path = caught.value.message.removeprefix("the graph has a cycle: ").split(" -> ")
    assert path[0] == path[-1]
    assert set(path) == cycle and len(path) == len(cycle) + 1
    assert all(f"{above} -> {below}" in edges for above, below in zip(path, path[1:], strict=False))


def test_an_edge_to_nowhere_is_refused() -> None:
    with pytest.raises(GraphError, match="unknown asset: a -> gone"):
        AssetGraph([node("a")], [("a", "gone", EdgeKind.DATA)])


def test_a_graph_that_was_ordered_before_is_the_same_again() -> None:
    graph = graph_of("z -> a", "z -> c", "b", "a, c -> d")
    again = AssetGraph.in_order(graph.assets, dict(reversed(graph.edge_kind.items())))
    assert vars(again) == vars(graph) and list(again.edges()) == list(graph.edges())


@pytest.mark.parametrize(("keys", "edge"), [("ab", (1, 0)), ("ab", (0, 0)), ("ab", (0, 2)), ("ab", (-1, 0)), ("aa", (0, 1))])
def test_assets_that_are_not_in_order_are_refused(keys: str, edge: tuple[int, int]) -> None:
    with pytest.raises(GraphError, match="not in order"):
        AssetGraph.in_order(map(node, keys), {edge: EdgeKind.DATA})


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_any_edges_make_an_ordered_graph_or_a_true_cycle(pairs: list[tuple[int, int]]) -> None:
    wanted = {(f"n{above}", f"n{below}") for above, below in pairs}
    try:
        graph = AssetGraph([node(f"n{number}") for number in range(10)], [(above, below, EdgeKind.DATA) for above, below in wanted])
    except GraphError as error:
        path = error.message.removeprefix("the graph has a cycle: ").split(" -> ")
        assert path[0] == path[-1] and set(zip(path, path[1:], strict=False)) <= wanted
        return
    assert all(graph.ids[above] < graph.ids[below] for above, below in wanted)
    assert {(above, below) for above, below, _ in graph.edges()} == wanted
