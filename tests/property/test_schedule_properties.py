"""Whatever the graph: nothing runs before what it waits for, everything ends once, and a failure takes just its descendants."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.asset import Kind
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.gates import contract, order_of, run_order
from penstock.plan.schedule import Schedule
from random_worlds import graphs

Waits = dict[int, set[int]]


@st.composite
def waits(draw: st.DrawFn) -> Waits:
    """Draw who waits for whom, without a cycle, ids in no special order."""
    ids = draw(st.permutations(range(draw(st.integers(0, 10)))))
    return {number: set(draw(st.sets(st.sampled_from(ids[:place])))) if place else set() for place, number in enumerate(ids)}


def above(who: Waits, number: int) -> set[int]:
    """All that an id waits for, directly or not."""
    found: set[int] = set()
    stack = list(who[number])
    while stack:
        one = stack.pop()
        if one not in found:
            found.add(one)
            stack += who[one]
    return found


@settings(deadline=None, max_examples=300)
@given(waits(), st.data())
def test_a_run_in_any_order_keeps_the_rules(who: Waits, data: st.DataObject) -> None:
    schedule = Schedule(who)
    good: set[int] = set()
    ended: set[int] = set()
    running: list[int] = []
    for _ in range(4 * len(who) + 1):
        if schedule.finished:
            break
        taken = schedule.take() if len(running) < 3 and data.draw(st.booleans()) else None
        if taken is not None:
            assert taken not in ended and taken not in running
            assert above(who, taken) <= good
            running.append(taken)
        elif running:
            number = running.pop(data.draw(st.integers(0, len(running) - 1)))
            ended.add(number)
            if data.draw(st.sampled_from([True, True, False])):
                good.add(number)
            else:
                before = set(ended)
                skipped = schedule.skip_descendants(number)
                assert set(skipped) == {one for one in who if number in above(who, one)} - before
                assert not set(skipped) & set(running)
                ended |= set(skipped)
            schedule.finish(number)
        assert schedule.active == set(running)
        assert set(schedule.remaining()) == set(who) - ended - set(running)
    while not schedule.finished:
        number = running.pop() if running else schedule.take()
        assert number is not None, "the schedule stands still"
        assert number not in ended
        ended.add(number)
        schedule.finish(number)
    assert ended == set(who)
    assert schedule.take() is None


@settings(deadline=None, max_examples=300)
@given(waits(), st.data())
def test_contracting_keeps_exactly_the_waits_between_those_kept(who: Waits, data: st.DataObject) -> None:
    listed = [who[number] for number in range(len(who))]
    kept = set(data.draw(st.sets(st.sampled_from(range(len(who)))))) if who else set()
    found = contract(listed, kept, order_of(listed))
    assert set(found) == kept
    for number in kept:
        assert above(found, number) == above(who, number) & kept


@settings(deadline=None, max_examples=300)
@given(graphs(12))
def test_run_order_has_no_cycle_and_dbts_gates(graph: AssetGraph) -> None:
    """Dbt's rule, written anew: a node waits for a test when all of the test's parents lie upstream of it."""
    order = run_order(graph)
    who = dict(enumerate(order))
    assert sorted(order_of(order)) == list(range(len(graph)))
    for number, asset in enumerate(graph.assets):
        reached = above(who, number)
        assert number not in reached
        if asset.kind is not Kind.UNIT_TEST:
            assert graph.ancestors([number]) <= reached
        if asset.is_test:
            continue
        upstream = graph.ancestors([number])
        tests = {one for one, other in enumerate(graph.assets) if other.kind is Kind.TEST and graph.parents[one]}
        assert {one for one in tests if set(graph.parents[one]) <= upstream} == reached & tests
