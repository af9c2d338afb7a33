"""Audit before publish: tests that look at an asset's rows inside the transaction that writes them, before readers can.

A failure rolls the rows back: readers keep what they had. A test takes part if it is an error when it fails, and if all
else that it reads lies upstream of the asset and is done; `meta.penstock.when: after` keeps it out.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from penstock.assets.asset import Asset, Kind, TestSpec
from penstock.assets.code_version import code_version
from penstock.compiler.tests import test_query, verdict
from penstock.errors import CheckFailed, PenstockError, WarehouseError
from penstock.graph.asset_graph import AssetGraph
from penstock.runner.outcomes import Outcome, Status
from penstock.state.store import Statements

if TYPE_CHECKING:
    from penstock.runner.context import RunContext

EXECUTOR = "native"

NOT_PUBLISHED = "not published: "
"""How the error of an attempt begins whose rows a test kept from readers."""


@dataclass(frozen=True, slots=True)
class _Test:
    """One test that takes part: its id, its query, and what is recorded of it."""

    id: int
    spec: TestSpec
    query: str
    volatile: str
    code_version: str


@dataclass(frozen=True, slots=True)
class Audited:
    """What a test found in uncommitted rows; `failures` is None where the test itself broke."""

    test: _Test
    status: Status
    failures: int | None
    message: str
    started_at: datetime


class Audits:
    """The tests of one run that come before publishing, and what they found; used from several threads."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._tests: Mapping[int, Sequence[int]] = {}
        self._found: dict[int, Audited] = {}
        self._lock = threading.Lock()

    def plan(self, tests: Mapping[int, Sequence[int]]) -> None:
        """Take in which tests look at which assets, by id."""
        self._tests = tests

    def of(self, number: int) -> Callable[[Statements], None] | None:
        """Return what looks at the uncommitted rows of an asset, None where nothing does; queries are compiled before it begins."""
        tests = [test for test in map(self._prepared, self._tests.get(number, ())) if test is not None]
        return partial(self._look, tests) if tests else None

    def outcome(self, number: int) -> Outcome | None:
        """Return how a test ended that has looked already, None for one that has not; rows that were rolled back do not count as passed."""
        found = self._found.get(number)
        if found is None:
            return None
        context = self._context
        return context.outcome(
            number, found.status, EXECUTOR, found.message, found.started_at, failures=found.failures,
            inputs_version=context.versions.digest(number) if not found.status.holds_back else "",
            volatile=found.test.volatile, code_version=found.test.code_version,
        )  # fmt: skip

    def _prepared(self, number: int) -> _Test | None:
        """Compile a test; one that cannot be compiled has its own turn, and says so there."""
        context, asset = self._context, self._context.graph.assets[number]
        try:
            query, facts = context.queries.get(asset)
        except PenstockError:
            return None
        volatile = context.test_volatility(number, facts)
        return _Test(number, asset.test or TestSpec(), query, volatile, code_version(asset, facts.canonical))

    def _look(self, tests: Sequence[_Test], sql: Statements) -> None:
        found = [self._result(test, sql) for test in tests]
        bad = [one for one in found if one.status.holds_back]
        with self._lock:
            self._found.update({one.test.id: one for one in (bad or found)})
        if bad:
            names = self._context.graph.assets
            lines = [f"{names[one.test.id].name}: {one.message}" for one in bad]
            raise CheckFailed(NOT_PUBLISHED + "; ".join(lines), hint="The rows were rolled back; readers keep what they had.")

    def _result(self, test: _Test, sql: Statements) -> Audited:
        started = self._context.clock()
        try:
            row = sql.connection.execute(test_query(test.spec, test.query))[0]
        except WarehouseError as error:
            return Audited(test, Status.ERROR, None, str(error), started)
        if row[0] is None:
            return Audited(test, Status.ERROR, None, "None is not of type 'integer'", started)
        said = verdict(test.spec, int(row[0]), bool(row[1]), bool(row[2]))
        return Audited(test, Status(said.status), said.failures, said.message, started)


def audits_of(graph: AssetGraph, due: Collection[int], native: Callable[[Asset], bool], sliced: Collection[str]) -> dict[int, list[int]]:
    """Return which of the due tests look at which of the due assets before these are published.

    `native` tells what the native executor runs; `sliced` are the keys of assets with partitions, whose tests come after.
    """
    wanted = set(due)
    found: dict[int, list[int]] = defaultdict(list)
    for number in sorted(wanted):
        asset = graph.assets[number]
        if asset.kind is not Kind.TEST or not native(asset) or asset.test is None or asset.penstock.get("when") == "after":
            continue
        last = _last_parent(graph, number) if asset.test.severity == "ERROR" else None
        if last in wanted and last is not None:
            parent = graph.assets[last]
            if parent.builds_relation and native(parent) and parent.key not in sliced:
                found[last].append(number)
    return dict(found)


def _last_parent(graph: AssetGraph, number: int) -> int | None:
    """Return the parent of a test that all its other parents lie upstream of, None where there is none such."""
    parents = set(graph.parents[number])
    for parent in parents:
        if parents - {parent} <= graph.ancestors([parent]):
            return parent
    return None
