"""What must have finished before an asset may run: its inputs, and the tests of what it reads, as in `dbt build`."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.assets.asset import Kind
from penstock.errors import GraphError
from penstock.graph.asset_graph import AssetGraph


def run_order(graph: AssetGraph) -> list[set[int]]:
    """Return, for each id, the ids it waits for.

    A reader waits for a test when all of the test's parents lie upstream of it; only the first such readers on each
    path wait for it directly, the others through them. A unit test waits for its model's inputs and the model waits
    for it. Source: dbt-core's `Linker.add_test_edges` and `BuildTask.call_model_and_unit_tests_runner`.
    """
    waits = [set(parents) for parents in graph.parents]
    for number, asset in enumerate(graph.assets):
        if asset.kind is Kind.UNIT_TEST and len(graph.parents[number]) == 1:  # dbt's always test one model
            (model,) = graph.parents[number]
            waits[number] = set(graph.parents[model])
            waits[model].add(number)
        elif asset.is_data_test and asset.blocks:
            for reader in _first_readers(graph, graph.parents[number]):
                waits[reader].add(number)
    return waits


def contract(waits: Sequence[set[int]], kept: set[int], order: Sequence[int]) -> dict[int, set[int]]:
    """Restrict `waits` to the `kept` ids; whoever waits through an id that is left out waits for what that one waits for.

    `order` lists every id so that each comes after all it waits for.
    """
    nearest: dict[int, frozenset[int]] = {}
    for number in order:
        found: set[int] = set()
        for before in waits[number]:
            found |= {before} if before in kept else nearest[before]
        nearest[number] = frozenset(found)
    return {number: set(nearest[number]) for number in kept}


def order_of(waits: Sequence[set[int]]) -> list[int]:
    """Return every id after all it waits for; ties in id order. Raises GraphError for ids that wait for each other."""
    done: set[int] = set()
    order: list[int] = []
    entered: set[int] = set()
    for start in range(len(waits)):
        stack = [start]
        while stack:
            number = stack[-1]
            if number in done:
                stack.pop()
                continue
            pending = [before for before in waits[number] if before not in done]
            if pending:
                if number in entered:
                    raise GraphError("some assets wait for each other and could never run")
                entered.add(number)
                stack += sorted(pending, reverse=True)
            else:
                done.add(number)
                order.append(number)
                stack.pop()
    return order


def _first_readers(graph: AssetGraph, parents: Sequence[int]) -> list[int]:
    if not parents:
        return []
    below = set(graph.children[parents[0]]) if len(parents) == 1 else graph.descendants([parents[0]])
    for parent in parents[1:]:
        below &= graph.descendants([parent])
    readers = {number for number in below if not graph.assets[number].is_test}
    return [number for number in readers if not any(before in readers for before in graph.parents[number])]
