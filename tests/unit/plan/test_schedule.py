"""The ready set: parents first, the longest chain first, and failures take out just what waits for them."""

from __future__ import annotations

from penstock.plan.schedule import Schedule


def test_parents_are_handed_out_before_their_children() -> None:
    schedule = Schedule({1: set(), 2: {1}, 3: {1, 2}})
    assert schedule.take() == 1
    assert schedule.take() is None
    assert schedule.active == {1}
    schedule.finish(1)
    assert (schedule.take(), schedule.take()) == (2, None)
    schedule.finish(2)
    assert schedule.take() == 3
    assert not schedule.finished
    schedule.finish(3)
    assert schedule.finished and schedule.remaining() == []


def test_the_longest_remaining_chain_goes_first_then_the_lowest_id() -> None:
    schedule = Schedule({1: set(), 2: set(), 3: {2}, 4: {3}, 5: set()})
    assert [schedule.take(), schedule.take(), schedule.take()] == [2, 1, 5]


def test_skipping_takes_out_everything_that_waits_and_nothing_else() -> None:
    schedule = Schedule({1: set(), 2: {1}, 3: {2}, 4: {1, 5}, 5: set(), 6: {5}})
    assert schedule.take() == 1
    assert schedule.skip_descendants(1) == [2, 3, 4]
    assert schedule.skip_descendants(1) == []
    schedule.finish(1)
    assert schedule.remaining() == [5, 6]
    assert schedule.take() == 5
    schedule.finish(5)
    assert (schedule.take(), schedule.take()) == (6, None)
    schedule.finish(6)
    assert schedule.finished


def test_what_became_ready_and_was_then_skipped_is_not_handed_out() -> None:
    schedule = Schedule({1: set(), 2: {1}, 3: set()})
    assert schedule.take() == 1
    schedule.finish(1)
    assert schedule.skip_descendants(1) == [2]
    assert (schedule.take(), schedule.take()) == (3, None)


def test_nothing_to_do_is_finished() -> None:
    schedule = Schedule({})
    assert schedule.finished and schedule.take() is None


def test_a_chain_of_many_thousands_is_no_problem() -> None:
    schedule = Schedule({number: {number - 1} if number else set() for number in range(50_000)})
    assert schedule.take() == 0
    assert len(schedule.skip_descendants(0)) == 49_999
