"""What a run left undone, read from its steps: the last attempt counts, and partitions are bounded by what is on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

import pytest
from penstock.app import retry
from penstock.app.reading import StateReader
from penstock.app.retry import RunLeft, Step
from penstock.errors import SelectionError
from penstock.state.store import Statements, migrate
from penstock.warehouse.duckdb import DuckDBWarehouse

NOON = datetime(2024, 3, 14, 12, 0)
A, B, C, T = "model.shop.a", "model.shop.b", "model.shop.c", "test.shop.t"


def left(*steps: tuple[str, ...]) -> RunLeft:
    """A run whose steps are asset, partition, status, decision (BUILD), reason (never_built)."""
    made = [Step(asset, partition, *(*more, "BUILD", "never_built")[:2], status) for asset, partition, status, *more in steps]
    return RunLeft("r1", "failed", "dev", tuple(made))


def test_what_came_to_a_good_end_is_left_alone() -> None:
    good = [(f"model.shop.{status}", "", status) for status in ("success", "pass", "warn", "reused")]
    assert left(*good).undone == ()
    bad = [(f"model.shop.{status}", "", status) for status in ("failed", "error", "fail", "crashed", "cancelled", "skipped", "unfinished")]
    assert left(*good, *bad).wanted().keys == tuple(asset for asset, *_ in bad)


def test_partitions_that_were_not_done_are_chosen_one_by_one() -> None:
    found = left(
        (A, "d1", "success"),
        (A, "d2", "failed"),
        (A, "d3", "skipped"),
        (B, "m1", "unfinished"),
        (C, "", "failed"),
        (T, "", "skipped", "MAYBE"),
    )
    wanted = found.wanted()
    assert wanted.chosen == {A: ("d2", "d3"), B: ("m1",)}
    assert wanted.partitions == () and wanted.keys == (A, B, C, T)


def test_a_reader_that_never_learned_its_partitions_follows_all_of_the_runs() -> None:
    found = left((A, "d1", "success"), (A, "d2", "failed"), (B, "", "skipped", "MAYBE", "upstream_may_change"))
    assert (found.chosen, found.bounds) == ({}, ("d1", "d2"))
    assert found.wanted().partitions == ("d1", "d2")


def test_where_all_partitions_were_done_nothing_is_bounded() -> None:
    found = left((A, "d1", "success"), (T, "", "fail"), (B, "", "skipped", "MAYBE"))
    assert (found.chosen, found.bounds) == ({}, ())


def test_as_many_partitions_may_be_retried_as_failed() -> None:
    assert left(*[(A, f"p{number}", "failed") for number in range(1000)]).wanted().max_partitions == 1000
    assert left((A, "p", "failed")).wanted().max_partitions == retry.Wanted().max_partitions


@pytest.mark.parametrize(
    ("reason", "force", "full_refresh"), [("forced", True, False), ("full_refresh", False, True), ("code_changed", False, False)]
)
def test_what_was_asked_for_is_asked_for_again(reason: str, force: bool, full_refresh: bool) -> None:
    wanted = left((A, "", "failed", "BUILD", reason), (B, "", "success", "BUILD", "forced")).wanted(fail_fast=True)
    assert (wanted.force, wanted.full_refresh, wanted.fail_fast, wanted.command) == (force, full_refresh, True, "retry")


def test_statuses_are_told_with_the_number_of_partitions() -> None:
    found = left((A, "d1", "failed"), (A, "d2", "failed"), (B, "", "failed"), (T, "", "skipped"))
    assert list(found.by_status) == [("failed", {A: 2, B: 0}), ("skipped", {T: 0})]


def step(status: str, minute: int | None, partition: str = "") -> tuple[Any, ...]:
    started = None if minute is None else NOON + timedelta(minutes=minute)
    return (A, partition, "BUILD", "never_built", status, started, started, None, "", "", "native")


class Recorded:
    """A reader of one run's steps."""

    def __init__(self, *steps: tuple[Any, ...]) -> None:
        self.steps = steps

    def __call__(self, _: object) -> Recorded:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def find_run(self, _: str) -> tuple[Any, ...]:
        return ("r1", NOON, NOON, "failed", "build", 0, 0, 0, 0, "", "dev", "")

    def query(self, name: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        assert (name, values) == ("show_steps", {"run_id": "r1"})
        return list(self.steps)


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([step("failed", 1), step("success", 2)], "success"),
        ([step("success", 2), step("failed", 1)], "success"),
        ([step("failed", 2), step("failed", 1)], "failed"),
        ([step("skipped", None)], "skipped"),
    ],
)
def test_the_last_attempt_says_how_it_ended(steps: list[tuple[Any, ...]], status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "reading", Recorded(*steps))
    found = retry.left_by(None, "r")  # type: ignore[arg-type]
    assert [one.status for one in found.steps] == [status]
    assert (found.run_id, found.target) == ("r1", "dev")


def state(*runs: str) -> StateReader:
    sql = Statements(DuckDBWarehouse.in_memory().connect(), "penstock")
    migrate(sql)
    for run in runs:
        sql.connection.execute("insert into penstock.run values ($run, current_timestamp, 'build', 'dev', '', '', '', '', 1)", {"run": run})
    return StateReader(sql)


@pytest.mark.parametrize(
    ("run", "words", "hint"),
    [
        ("zzz", "there is no run `zzz`", "The last runs: abd4, abc3, abc2."),
        ("abcx", "there is no run `abcx`", "Did you mean abc"),
        ("abc", "several runs begin with `abc`", "Did you mean abc3 or abc2 or abc1?"),
    ],
)
def test_an_unknown_run_is_told_its_neighbours(run: str, words: str, hint: str) -> None:
    with pytest.raises(SelectionError, match=words) as caught:
        retry._find(state("abc1", "abc2", "abc3", "abd4"), run)
    assert caught.value.hint.startswith(hint)


def test_the_last_run_is_meant_where_none_is_named() -> None:
    assert retry._find(state("abc1", "abd4"), "")[0] == "abd4"
    with pytest.raises(SelectionError, match="no run on record"):
        retry._find(state(), "")
