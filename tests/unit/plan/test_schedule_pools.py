"""Pools: at most so many of one pool at once, and the others go on meanwhile."""

from __future__ import annotations

from penstock.plan.schedule import Schedule


def test_a_full_pool_holds_its_own_back_and_lets_others_go() -> None:
    schedule = Schedule({1: set(), 2: set(), 3: set(), 4: set()}, {1: "api", 2: "api", 3: "api"}, {"api": 2})
    assert [schedule.take(), schedule.take(), schedule.take(), schedule.take()] == [1, 2, 4, None]
    schedule.finish(4)
    assert schedule.take() is None
    schedule.finish(1)
    assert (schedule.take(), schedule.take()) == (3, None)
    schedule.finish(2)
    schedule.finish(3)
    assert schedule.finished


def test_pools_do_not_hold_each_other_back() -> None:
    pools = {1: "api", 2: "api", 3: "heavy", 4: "heavy"}
    schedule = Schedule({number: set() for number in pools}, pools, {"api": 1, "heavy": 1})
    assert [schedule.take(), schedule.take(), schedule.take()] == [1, 3, None]
    schedule.finish(3)
    assert (schedule.take(), schedule.take()) == (4, None)


def test_the_longest_chain_still_goes_first_within_a_pool_and_among_them() -> None:
    schedule = Schedule({1: set(), 2: set(), 3: {2}, 4: {3}, 5: set(), 6: {5}}, {1: "p", 2: "p"}, {"p": 1})
    assert [schedule.take(), schedule.take(), schedule.take()] == [2, 5, None]
    schedule.finish(2)
    assert [schedule.take(), schedule.take()] == [3, 1]


def test_what_was_skipped_takes_no_slot() -> None:
    schedule = Schedule({1: set(), 2: {1}, 3: set()}, {2: "p", 3: "p"}, {"p": 1})
    assert (schedule.take(), schedule.take()) == (1, 3)
    assert schedule.skip_descendants(1) == [2]
    schedule.finish(1)
    schedule.finish(2)
    assert schedule.take() is None
    schedule.finish(3)
    assert schedule.finished


def test_a_head_that_was_skipped_does_not_hide_what_is_behind_it() -> None:
    schedule = Schedule({1: set(), 2: {1}, 3: {1}, 4: {2}}, {2: "p", 3: "p"}, {"p": 1})
    assert schedule.take() == 1
    schedule.finish(1)
    assert schedule.skip_descendants(1) == [2, 3, 4]
    assert schedule.take() is None and schedule.finished


def test_a_pool_without_a_number_of_slots_limits_nothing() -> None:
    schedule = Schedule({1: set(), 2: set()}, {1: "", 2: "open"}, {"api": 1})
    assert (schedule.take(), schedule.take()) == (1, 2)
