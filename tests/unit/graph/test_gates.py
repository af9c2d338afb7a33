"""Who waits for whom: tests gate what reads their parents, a model waits for its unit tests, and nothing else is held back."""

from __future__ import annotations

from graph_builders import graph_of, node
from penstock.assets.asset import Kind
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.gates import contract, order_of, run_order


def waits(graph: AssetGraph, key: str) -> str:
    return " ".join(sorted(graph.assets[number].key for number in run_order(graph)[graph.ids[key]]))


def reached(graph: AssetGraph, key: str) -> set[str]:
    """Everything a node waits for, directly or not."""
    order = run_order(graph)
    seen: set[int] = set()
    stack = [graph.ids[key]]
    while stack:
        new = order[stack.pop()] - seen
        seen |= new
        stack += new
    return {graph.assets[number].key for number in seen}


def test_a_reader_waits_for_the_tests_of_what_it_reads() -> None:
    graph = graph_of("a -> b", "a -> test.t", "b -> c")
    assert waits(graph, "b") == "a test.t"
    assert waits(graph, "c") == "b"
    assert waits(graph, "test.t") == "a"
    assert "test.t" in reached(graph, "c")


def test_a_test_of_a_source_gates_its_readers_too() -> None:
    assert waits(graph_of("source.s -> a", "source.s -> test.t"), "a") == "source.s test.t"


def test_a_test_of_two_models_gates_only_what_reads_both() -> None:
    graph = graph_of("a -> x", "b -> y", "a, b -> z", "a, b -> test.t", "z -> end")
    assert [waits(graph, key) for key in "xyz"] == ["a", "b", "a b test.t"]
    assert waits(graph, "end") == "z"


def test_a_test_of_a_model_and_its_child_does_not_hold_the_child() -> None:
    graph = graph_of("a -> b", "a, b -> test.t", "b -> c", "a -> d")
    assert waits(graph, "b") == "a"
    assert waits(graph, "c") == "b test.t"
    assert waits(graph, "d") == "a"


def test_only_the_first_readers_on_each_path_wait_directly() -> None:
    graph = graph_of("a -> b", "b -> c", "a -> c", "a -> test.t")
    assert waits(graph, "b") == "a test.t"
    assert "test.t" in reached(graph, "c") and waits(graph, "c") == "a b"


def test_tests_do_not_wait_for_each_other() -> None:
    graph = graph_of("a -> b", "a -> test.t", "b -> test.u")
    assert waits(graph, "test.u") == "b"


def test_exposures_wait_like_any_reader() -> None:
    assert waits(graph_of("a -> exposure.e", "a -> test.t"), "exposure.e") == "a test.t"


def test_a_model_waits_for_its_unit_test_and_that_for_the_models_inputs() -> None:
    graph = graph_of("a, b -> m", "m -> unit_test.u", "m -> c")
    assert waits(graph, "m") == "a b unit_test.u"
    assert waits(graph, "unit_test.u") == "a b"
    assert waits(graph, "c") == "m"


def test_a_test_without_parents_holds_nobody() -> None:
    graph = graph_of("a", t=node("test.t", Kind.TEST))
    assert waits(graph, "a") == waits(graph, "test.t") == ""


def test_what_is_left_out_still_passes_its_waits_on() -> None:
    graph = graph_of("a -> b", "b -> c", "a -> test.t", "x -> c")
    order = run_order(graph)
    kept = {graph.ids[key] for key in ("a", "c", "test.t")}
    found = contract(order, kept, order_of(order))
    names = {graph.assets[one].key: {graph.assets[other].key for other in many} for one, many in found.items()}
    assert names == {"a": set(), "test.t": {"a"}, "c": {"a", "test.t"}}


def test_an_order_lists_everything_once_after_all_it_waits_for() -> None:
    assert order_of([{2}, set(), {1}, set()]) == [1, 2, 0, 3]
    assert order_of([]) == []
    long = [set(range(max(0, n - 3), n)) for n in range(5000)][::-1]
    reverse = [{4999 - before for before in one} for one in long]
    order = order_of(reverse)
    place = {number: position for position, number in enumerate(order)}
    assert len(order) == 5000 and all(place[before] < place[number] for number, many in enumerate(reverse) for before in many)
