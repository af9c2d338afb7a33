"""Readers in other threads during hundreds of builds that a check refuses never see a bad row; without the audit they do."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attempt_world import NOON
from penstock.assets.asset import Asset, Kind
from penstock.assets.check import CheckSpec
from penstock.assets.names import RelationName
from penstock.assets.records import StateSnapshot
from penstock.compiler.checks import check_sql
from penstock.errors import CheckFailed
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.checks import CheckNode, with_checks
from penstock.parser.query import QueryFacts, read_query
from penstock.plan.facts import Facts
from penstock.runner.audit import audits_of
from penstock.runner.commit import Publication, publish, record_attempt
from penstock.runner.context import RunContext
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse

BUILDS = 500
GOOD_EVERY = 50
READERS = 1
SHOWN = "select i as id, {n} as n, case when {bad} and i = 70 then -1 else i end as v from range({rows}) as r(i)"
ROWS = 100
KEY = "model.p.shown"


class Queries:
    """The check's query: nothing else is compiled here."""

    def get(self, asset: Asset) -> tuple[str, QueryFacts]:
        assert asset.check is not None
        sql = check_sql(asset.check)
        return sql, read_query(sql, "duckdb")

    def has(self, asset: Asset) -> bool:
        return asset.check is not None

    def learned(self, asset: Asset, sql: str) -> QueryFacts:
        raise AssertionError(asset)


@dataclass
class World:
    """One table that is published again and again, with a check on it."""

    when: str
    ticks: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.warehouse = DuckDBWarehouse.in_memory()
        self.sql = Statements(self.warehouse.connect(), "penstock")
        migrate(self.sql)
        shown = Asset(KEY, Kind.MODEL, "shown", relation=RelationName("memory", "main", "shown"), materialized="table", fingerprint="s")
        spec = CheckSpec("checks/positive.sql", "select * from this where v < 0", when=self.when)
        self.graph = with_checks(AssetGraph([shown], []), [CheckNode("positive", spec.path, spec, KEY)], "memory", lambda _key: "")
        everything = range(len(self.graph))
        context = RunContext(
            run_id="r1", facts=Facts(self.graph, StateSnapshot(), frozenset(everything), database="memory"), warehouse=self.warehouse,
            schema="penstock", queries=Queries(), clock=self.clock, project_folder=Path(), working_folder=Path(),
        )  # fmt: skip
        context.audits.plan(audits_of(self.graph, everything, lambda _asset: True, ()))
        self.what = Publication(
            run_id="r1", asset=KEY, token=0, relation='"main"."shown"', relation_name="memory.main.shown", relation_type="table",
            code_version="c", executor="native", inputs=(), started_at=NOON, checks=context.audits.of(self.graph.ids[KEY]),
        )  # fmt: skip

    def clock(self) -> datetime:
        return NOON + timedelta(milliseconds=next(self.ticks))

    def build(self, n: int, *, bad: bool) -> bool:
        """Publish it as a build does, and return whether that came to pass."""
        tokens = StateWriter(self.sql).claim("r1", [(KEY, "")], self.clock())
        what = replace(self.what, token=tokens[KEY, ""])
        query = SHOWN.format(n=n, bad=bad, rows=ROWS)
        try:
            publish(self.sql, what, lambda: self._write(query), self.clock)
        except CheckFailed as error:
            record_attempt(self.sql, what, "failed", str(error), self.clock())
            return False
        return True

    def _write(self, query: str) -> None:
        self.sql.connection.execute(f"create or replace table shown as {query}")


@dataclass
class Reader:
    """Looks at the table until it is told to end, and once more then."""

    connection: Any
    looks: int = 0
    bad: int = 0
    seen: set[int] = field(default_factory=set)
    ending: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        last = False
        while not last:
            last = self.ending.wait(0.005)  # the builds need the processor, too
            for n, bad, rows in self.connection.execute("select n, count(*) filter (where v < 0), count(*) from shown group by n"):
                self.bad += bad + (rows != ROWS)
                self.seen.add(n)
            self.looks += 1


@contextmanager
def reading(world: World) -> Iterator[list[Reader]]:
    readers = [Reader(world.warehouse.connect()) for _ in range(READERS)]
    threads = [threading.Thread(target=reader.run) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield readers
    finally:
        for reader, thread in zip(readers, threads, strict=True):
            reader.ending.set()
            thread.join()


def test_no_reader_sees_a_bad_row_in_five_hundred_builds_that_are_refused() -> None:
    world = World("before_publish")
    assert world.build(0, bad=False)
    good = [0]
    with reading(world) as readers:
        for run in range(1, BUILDS + 1):
            assert not world.build(run, bad=True)
            if run % GOOD_EVERY == 0:
                good.append(BUILDS + run)
                assert world.build(good[-1], bad=False)
    for reader in readers:
        assert reader.bad == 0
        assert reader.seen <= set(good) and good[-1] in reader.seen
        assert reader.looks > len(good)
    failed = world.sql.connection.execute(
        "select count(*) from penstock.attempt where status = 'failed' and error like 'not published: positive%'"
    )
    assert failed == [(BUILDS,)]


def test_readers_see_bad_rows_where_the_check_looks_afterwards() -> None:
    world = World("after")
    assert world.build(0, bad=False)
    with reading(world) as readers:
        assert world.build(1, bad=True)
    assert all(reader.bad for reader in readers)


@pytest.mark.parametrize(("when", "looks"), [("before_publish", True), ("after", False)])
def test_only_a_check_before_publishing_takes_part(when: str, looks: bool) -> None:
    graph = World(when).graph
    assert bool(audits_of(graph, range(len(graph)), lambda _asset: True, ())) is looks
