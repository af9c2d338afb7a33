"""A timeout interrupts exactly what took too long, is recorded as that, and leaves a COMMIT alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from attempt_world import ENDLESS, World
from penstock.assets.limits import NO_LIMITS, Limits, Retries
from penstock.errors import WarehouseError
from penstock.runner.outcomes import Status
from penstock.runner.timeouts import Watch, WatchedConnection, WatchedNodes
from penstock.warehouse.duckdb import DuckDBWarehouse


def test_a_query_that_takes_too_long_is_interrupted_and_recorded_as_that() -> None:
    world = World({"slow": ENDLESS}, Limits(timeout=0.2))
    outcome = world.run("slow")
    assert (outcome.status, outcome.message) == (Status.ERROR, "timed out after 0.2s")
    assert world.recorded("slow") == [("failed", "timed out after 0.2s")]
    assert world.rows("select count(*) from duckdb_tables() where table_name = 'slow'") == [(0,)]


def test_others_run_on_while_one_is_interrupted() -> None:
    brief = "select count(*) as n from range(6000) a(i), range(6000) b(j) where i * j % 7 = 3"
    world = World({"slow": ENDLESS, "brief": brief}, Limits(timeout=0.2))
    world.attempts.limits = {world.context.graph.ids["ingest.main.slow"]: Limits(timeout=0.2)}
    with ThreadPoolExecutor(2) as pool:
        slow, other = pool.map(world.run, ("slow", "brief"))
    assert (slow.status, other.status) == (Status.ERROR, Status.SUCCESS)
    assert world.recorded("brief") == [("success", "")]


def test_the_thread_goes_on_with_the_next_asset_undisturbed() -> None:
    world = World({"slow": ENDLESS, "next": "select 1 as n"}, Limits(timeout=0.2))
    assert world.run("slow").status is Status.ERROR
    world.attempts.limits = {}
    assert world.run("next").status is Status.SUCCESS
    plain = world.context.statements(ingest=True).connection
    assert not isinstance(plain, WatchedConnection)


@pytest.mark.parametrize(("on", "count"), [("timeout", 2), ("any", 2), ("transient", 1)])
def test_a_timeout_is_tried_again_where_it_is_asked_for(on: str, count: int) -> None:
    world = World({"slow": ENDLESS}, Limits(Retries(attempts=2, backoff=0.0, on=frozenset({on})), timeout=0.1))
    assert world.run("slow").status is Status.ERROR
    assert world.recorded("slow") == [("failed", "timed out after 0.1s")] * count


def test_who_is_in_time_hears_nothing() -> None:
    world = World({"a": "select 1 as n"}, Limits(timeout=3600))
    assert world.run("a").message == "SELECT 1"
    assert not [thread for thread in threading.enumerate() if thread.name == "penstock_timeout"]


@dataclass
class Signals:
    """Counts interrupts and says when the first has come."""

    count: int = 0

    def __post_init__(self) -> None:
        self.came = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.came.set()


def test_nothing_comes_after_disarming() -> None:
    signals = Signals()
    with Watch(0, signals) as watch:
        assert signals.came.wait(10)
        watch.disarm()
        count = signals.count
    assert watch.expired and signals.count == count
    watch.check()


def test_an_interrupt_that_falls_between_two_statements_comes_again() -> None:
    signals = Signals()
    with Watch(0, signals):
        assert signals.came.wait(10)
        signals.came.clear()
        assert signals.came.wait(10)


def test_a_statement_after_the_time_is_over_does_not_begin() -> None:
    signals = Signals()
    connection = DuckDBWarehouse.in_memory().connect()
    with Watch(0, signals) as watch:
        watched = WatchedConnection(connection, watch)
        assert signals.came.wait(10)
        for late in (lambda: watched.execute("select 1"), watched.begin):
            with pytest.raises(WarehouseError, match="timed out after 0s"):
                late()


def test_a_commit_or_rollback_ends_the_time_and_what_follows_runs() -> None:
    for end in ("commit", "rollback"):
        signals = Signals()
        connection = DuckDBWarehouse.in_memory().connect()
        connection.begin()
        connection.execute("create table t as select 1 as n")
        with Watch(0, signals) as watch:
            watched = WatchedConnection(connection, watch)
            assert signals.came.wait(10)
            getattr(watched, end)()
            assert len(watched.execute("select * from duckdb_tables() where table_name = 't'")) == (end == "commit")


def test_an_error_of_another_kind_keeps_its_words() -> None:
    connection = DuckDBWarehouse.in_memory().connect()
    with Watch(3600, Signals()) as watch, pytest.raises(WarehouseError, match="Parser Error"):
        WatchedConnection(connection, watch).execute("selec 1")


@dataclass(frozen=True)
class Result:
    status: str
    message: str = "Interrupted!"


@pytest.mark.parametrize(("status", "message"), [("error", "timed out after 0s"), ("fail", "Interrupted!"), ("success", "Interrupted!")])
def test_a_node_of_dbt_that_was_interrupted_for_its_time_says_so(status: str, message: str) -> None:
    signals = Signals()
    nodes = SimpleNamespace(run=lambda key: Result(status), run_batch=lambda *a, incremental: Result(status), other=7)
    with Watch(0, signals) as watch:
        assert signals.came.wait(10)
        watched = WatchedNodes(nodes, lambda: watch)
        assert watched.run("a").message == watched.run_batch("a", incremental=True).message == message
    assert watched.other == 7
    assert WatchedNodes(nodes, lambda: None).run("a").message == "Interrupted!"


def test_what_dbt_runs_in_the_thread_is_interrupted_too() -> None:
    world = World({"slow": ENDLESS}, Limits(timeout=0.1))
    threads: list[int] = []
    world.attempts.interrupt_dbt = threads.append
    world.run("slow")
    assert set(threads) == {threading.get_ident()}


def test_without_a_timeout_nothing_is_watched() -> None:
    world = World({"a": "select 1 as n"}, NO_LIMITS)
    seen: list[object] = []

    def look(number: int) -> object:
        seen.append(world.context.statements().connection)
        return world.context.outcome(number, Status.SUCCESS, "", "", world.context.clock())

    world.attempts.run(0, look)  # type: ignore[arg-type]
    assert not isinstance(seen[0], WatchedConnection)
