"""Whatever the graph and the pools: never more of a pool than it has slots, nothing stands still, and everything runs once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.plan.schedule import Schedule

SLOTS = {"one": 1, "two": 2}


@st.composite
def pooled(draw: st.DrawFn) -> tuple[dict[int, set[int]], dict[int, str]]:
    """Draw who waits for whom, and who is in which pool."""
    count = draw(st.integers(0, 12))
    waits = {number: set(draw(st.sets(st.integers(0, number - 1)))) if number else set() for number in range(count)}
    return waits, {number: draw(st.sampled_from(["", "one", "two", "open"])) for number in range(count)}


@settings(deadline=None, max_examples=300)
@given(pooled(), st.integers(1, 5), st.data())
def test_slots_are_never_exceeded_and_never_left_idle(
    given_: tuple[dict[int, set[int]], dict[int, str]], threads: int, data: st.DataObject
) -> None:
    waits, pools = given_
    schedule = Schedule(waits, pools, SLOTS)
    running: list[int] = []
    good: set[int] = set()
    ended: set[int] = set()
    for _ in range(3 * len(waits) + 1):
        while len(running) < threads and (number := schedule.take()) is not None:
            assert number not in ended and number not in running and waits[number] <= good
            running.append(number)
        used = Counter(pools[number] for number in running)
        assert all(used[pool] <= slots for pool, slots in SLOTS.items())
        if len(running) < threads:
            ready = [one for one in waits if one not in ended and one not in running and waits[one] <= good]
            assert all(used[pools[one]] == SLOTS.get(pools[one]) for one in ready), "a slot was free for what is ready"
        if not running:
            break
        number = running.pop(data.draw(st.integers(0, len(running) - 1)))
        ended.add(number)
        schedule.finish(number)
        if data.draw(st.integers(0, 4)):
            good.add(number)
        else:
            ended |= set(schedule.skip_descendants(number))
    assert ended == set(waits) and schedule.finished
