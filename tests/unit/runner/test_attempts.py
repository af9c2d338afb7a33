"""Attempts in the real commit protocol: each has its own token and record, and only what another one may mend is tried again."""

from __future__ import annotations

import pytest
from attempt_world import EAGER, NOON, World, flaky
from penstock.assets.limits import NO_LIMITS, Limits, Retries
from penstock.assets.partitions import PartitionSet
from penstock.errors import Location, WarehouseError
from penstock.parser.partitions import parse_partitions
from penstock.runner.outcomes import Outcome, Status
from penstock.state.writer import StateWriter
from penstock.warehouse.failpoints import arm

TRANSIENT = Limits(Retries(attempts=3, backoff=8.0))


def test_a_transient_error_is_tried_again_and_both_attempts_are_on_record() -> None:
    world = World({"a": flaky(1)}, TRANSIENT)
    outcome = world.run("a")
    assert (outcome.status, outcome.message) == (Status.SUCCESS, "SELECT 1 (attempt 2)")
    assert [status for status, _ in world.recorded("a")] == ["failed", "success"]
    assert "connection lost" in world.recorded("a")[0][1]
    assert world.rows("select n from a") == [(42,)]
    assert world.waits == [8.0] and world.told == ["a: attempt 1 of 3 failed (transient), the next in 8.0s"]


def test_each_attempt_has_a_token_of_its_own_and_the_last_is_the_materializations() -> None:
    world = World({"a": flaky(2)}, TRANSIENT)
    world.run("a")
    tokens = [row[0] for row in world.rows("select token from penstock.attempt order by token")]
    assert len(set(tokens)) == 3 and tokens == sorted(tokens)
    assert world.rows("select token from penstock.materialization") == [(tokens[-1],)]
    assert world.rows("select token, run_id from penstock.claim") == [(tokens[-1], "r1")]
    assert world.rows("select status from penstock.latest_attempt") == [("success",)]


def test_attempts_end_and_the_last_error_says_how_many_there_were() -> None:
    world = World({"a": flaky(9)}, TRANSIENT)
    outcome = world.run("a")
    assert outcome.status is Status.ERROR
    assert "connection lost" in outcome.message and outcome.message.endswith("Given up after 3 attempts.")
    assert [status for status, _ in world.recorded("a")] == ["failed"] * 3
    assert world.waits == [8.0, 16.0]


def test_the_time_of_an_outcome_is_that_of_all_its_attempts() -> None:
    world = World({"a": flaky(1)}, TRANSIENT)
    outcome = world.run("a")
    assert outcome.seconds == (outcome.finished_at - outcome.started_at).total_seconds()
    ((first, last),) = world.rows("select min(started_at), max(finished_at) from penstock.attempt")
    assert outcome.started_at <= first < last <= outcome.finished_at


@pytest.mark.parametrize(
    "query", ["select nosuch as n", "select * from nowhere", "select cast(n as integer) from (select 'x' as n) where nosuch(n)"]
)
def test_a_permanent_error_is_never_tried_again(query: str) -> None:
    world = World({"a": query}, Limits(EAGER))
    assert world.run("a").status is Status.ERROR
    assert len(world.recorded("a")) == 1 and world.waits == []


def test_another_error_is_tried_again_only_where_any_is_asked_for() -> None:
    for limits, count in ((TRANSIENT, 1), (Limits(EAGER), 3), (NO_LIMITS, 1)):
        world = World({"a": flaky(9, "it rains")}, limits)
        world.run("a")
        assert len(world.recorded("a")) == count


def test_a_fault_anywhere_before_the_commit_is_an_attempt_like_any_other() -> None:
    for place in ("begin.after", "fence.before", "write.after", "record_attempt.after", "commit.before"):
        world = World({"a": "select 7 as n"})
        arm(f"{place}=1:raise")
        try:
            outcome = world.run("a")
        finally:
            arm(None)
        assert outcome.status is Status.SUCCESS, place
        assert [status for status, _ in world.recorded("a")] == ["failed", "success"], place
        assert world.rows("select n from a") == [(7,)]


def test_what_did_commit_is_not_done_again_however_its_attempt_ended() -> None:
    world = World({"a": "select nextval('flaky') as n"})
    arm("commit.after=1:raise")
    try:
        outcome = world.run("a")
    finally:
        arm(None)
    assert outcome.status is Status.ERROR  # readers of it wait for the next run, which finds it on record
    assert world.rows("select n from a") == [(1,)]
    assert [status for status, _ in world.recorded("a")] == ["success"]


def test_an_asset_that_another_run_claimed_meanwhile_is_left_to_it() -> None:
    world = World({"a": flaky(1)}, TRANSIENT)

    def other_run(seconds: float) -> None:
        world.waits.append(seconds)
        StateWriter(world.sql).claim("r2", [("ingest.main.a", "")], NOON)

    world.attempts.sleep = other_run
    assert world.run("a").status is Status.ERROR
    assert world.rows("select run_id from penstock.claim") == [("r2",)]
    assert [status for status, _ in world.recorded("a")] == ["failed"]


@pytest.mark.parametrize("event", ["stopping", "draining"])
def test_a_run_that_is_being_stopped_tries_nothing_again(event: str) -> None:
    world = World({"a": flaky(1)}, TRANSIENT)
    world.attempts.sleep = lambda _: getattr(world.context, event).set()
    assert world.run("a").status is Status.ERROR
    assert len(world.recorded("a")) == 1
    world = World({"a": flaky(1)}, TRANSIENT)
    getattr(world.context, event).set()
    world.run("a")
    assert len(world.recorded("a")) == 1 and world.waits == []


def test_the_usual_wait_ends_when_the_run_is_stopped() -> None:
    world = World({"a": flaky(1)}, Limits(Retries(attempts=2, backoff=3600.0)))
    world.attempts.sleep = None
    world.attempts.tell = lambda _: world.context.stopping.set()
    assert world.run("a").status is Status.ERROR


def test_a_failed_check_is_never_tried_again() -> None:
    world = World({"a": "select 1 as n"})
    calls: list[int] = []

    def check(number: int) -> Outcome:
        calls.append(number)
        return world.context.outcome(number, Status.FAIL, "native", "Got 3 results, connection lost", NOON, failures=3)

    assert world.attempts.run(0, check).status is Status.FAIL
    assert calls == [0]


class Ranges:
    """Three days of one asset, written by a function that fails as it is told."""

    def __init__(self, limits: Limits) -> None:
        self.world = World({"a": "select 1 as n"}, limits)
        spec = parse_partitions({"day": {"every": "day", "start": "2024-03-01", "column": "day"}}, Location("a.sql"))
        self.parts = list(PartitionSet.of(spec, {next(iter(spec.all(NOON).runs)): _three(spec)}).chunks(1))
        self.keys = [part.first_key for part in self.parts]
        self.world.claim(("ingest.main.a", key) for key in self.keys)
        self.seen: list[tuple[str, int]] = []

    def write(self, place: int, problems: list[str]) -> str:
        def once() -> str:
            key = self.keys[place]
            self.seen.append((key, self.world.context.tokens["ingest.main.a", key]))
            problem = problems.pop(0) if problems else ""
            if problem.startswith("!"):
                raise WarehouseError(problem[1:])
            return problem

        return self.world.attempts.run_range(0, self.parts[place], once)


def _three(spec: object) -> list[tuple[int, int]]:
    runs = next(iter(spec.all(NOON).runs.values()))  # type: ignore[attr-defined]
    first = runs[0][0]
    return [(first, first + 3)]


def test_only_the_range_that_failed_is_tried_again_under_a_new_token() -> None:
    ranges = Ranges(TRANSIENT)
    assert [ranges.write(place, ["IO Error: x"] if place == 1 else []) for place in range(3)] == ["", "", ""]
    assert [key for key, _ in ranges.seen] == [ranges.keys[0], ranges.keys[1], ranges.keys[1], ranges.keys[2]]
    assert ranges.seen[1][1] < ranges.seen[2][1]
    assert dict(ranges.world.rows('select "partition", token from penstock.claim where "partition" <> \'\'')) == {
        key: ranges.world.context.tokens["ingest.main.a", key] for key in ranges.keys
    }
    assert f"a {ranges.parts[1]}: attempt 1 of 3 failed" in ranges.world.told[0]


def test_a_range_that_breaks_is_on_record_and_says_what_went_wrong() -> None:
    ranges = Ranges(TRANSIENT)
    assert ranges.write(0, ["!Binder Error: no such column"]) == "Binder Error: no such column"
    assert ranges.world.rows('select "partition", status, error from penstock.attempt') == [
        (ranges.keys[0], "failed", "Binder Error: no such column")
    ]
    assert ranges.write(1, ["IO Error: x"] * 9) == "IO Error: x (given up after 3 attempts)"
