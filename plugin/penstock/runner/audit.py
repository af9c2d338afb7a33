"""Audit before publish: tests that look at an asset's rows inside the transaction that writes them, before readers can.

A failure rolls the rows back: readers keep what they had. A dbt test takes part if it is an error when it fails, and if all
else that it reads lies upstream of the asset and is done; `meta.penstock.when: after` keeps it out. A check says itself when.
Of an asset with partitions, a check looks at the slice just written unless its scope is the table; dbt's tests look there
too, and at the whole table afterwards, as in dbt.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.assets.asset import Asset
from penstock.assets.partitions import PartitionSet
from penstock.errors import CheckFailed, PenstockError, WarehouseError
from penstock.graph.asset_graph import AssetGraph
from penstock.runner.commit import AskAgain
from penstock.runner.data_tests import ask, ask_together, with_samples
from penstock.runner.failures import NOT_PUBLISHED, TIMED_OUT
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.questions import AFTER, BEFORE, Finding, Question, of_slice, prepared
from penstock.state.store import Statements

if TYPE_CHECKING:
    from penstock.runner.context import RunContext

_MOST_TOLD = 3
"""So many slices in which a check found something are told."""

_WORST = (Status.ERROR, Status.FAIL, Status.CANCELLED, Status.WARN, Status.INSUFFICIENT, Status.PASS)


class Audits:
    """The tests of one run that come before publishing, and what they found; used from several threads."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._tests: Mapping[int, Sequence[int]] = {}
        self._about: Mapping[int, int] = {}
        self._found: dict[int, dict[str, Sequence[Finding]]] = defaultdict(dict)
        self._lock = threading.Lock()

    def plan(self, tests: Mapping[int, Sequence[int]]) -> None:
        """Take in which tests look at which assets, by id."""
        self._tests = tests
        self._about = {test: about for about, those in tests.items() for test in those}

    def of(self, number: int) -> Audit | None:
        """Return what looks at the uncommitted rows of an asset, None where nothing does; queries are compiled before it begins."""
        questions = [question for test in self._tests.get(number, ()) if (question := self._prepared(test)) is not None]
        return Audit(self._context, number, questions, self._take_in) if questions else None

    def outcome(self, number: int) -> Outcome | None:
        """Return how a test ended that has looked already, None for one that has not, or that has to look at the whole table.

        Rows that were rolled back do not count as passed.
        """
        about = self._about.get(number, number)
        found = [one for looked in self._found.get(about, {}).values() for one in looked if one.question.number == number]
        if not found:
            return None
        worst = min(found, key=lambda one: _WORST.index(one.status))
        sliced = any(one.question.partition for one in found)
        if sliced and worst.question.asset.check is None and not worst.status.holds_back:
            return None
        told = with_samples(self._context.statements(), worst) if not worst.status.holds_back else worst
        together = _together(told, found, self._partitions(about, " ".join(one.question.partition for one in found))) if sliced else told
        now = replace(together.question, inputs_version=self._context.versions.digest(number))  # what was tested has a version by now
        return replace(together, question=now).outcome(self._context, BEFORE, proven=not worst.status.holds_back)

    def _prepared(self, number: int) -> Question | None:
        """Compile a test; one that cannot be compiled has its own turn, and says so there."""
        try:
            return prepared(self._context, number)
        except PenstockError:
            return None

    def _take_in(self, about: int, partition: str, found: Sequence[Finding]) -> None:
        """Note what was found in rows just written; what an earlier attempt found in them was rolled back."""
        with self._lock:
            self._found[about][partition] = found

    def _partitions(self, about: int, text: str) -> PartitionSet:
        facts = self._context.facts
        return facts.specs[self._context.graph.assets[about].key].parse(text, facts.now)


@dataclass
class Audit:
    """The tests of one asset before its rows are published; called once for each transaction that writes some of them.

    A statement that breaks aborts the transaction: it is asked again, one test at a time, and then without those that broke
    and do not block.
    """

    context: RunContext
    number: int
    questions: Sequence[Question]
    take_in: Callable[[int, str, Sequence[Finding]], None]
    _alone: bool = False
    _broken: dict[tuple[str, int], Finding] = field(default_factory=dict)

    def __call__(self, sql: Statements, condition: str = "", partition: str = "") -> None:
        """Look at the rows for which `condition` holds, all without one. Raises CheckFailed for rows that must stay unseen, AskAgain."""
        questions = [self._placed(one, condition, partition) for one in self.questions if (partition, one.number) not in self._broken]
        found = self._asked(sql, questions, partition)
        bad = [with_samples(sql, one) for one in found if one.status.holds_back and one.question.asset.blocks]
        broken = [one for (where, _), one in list(self._broken.items()) if where == partition]  # other threads write other partitions
        self.take_in(self.number, partition, bad or [*found, *broken])
        if bad:
            lines = [f"{one.question.asset.name}: {one.message}" for one in bad]
            raise CheckFailed(NOT_PUBLISHED + "; ".join(lines), hint="The rows were rolled back; readers keep what they had.")

    def forget(self, partition: str) -> None:
        """Leave out what was found in these partitions together: each of them is looked at by itself."""
        self.take_in(self.number, partition, ())

    def _placed(self, question: Question, condition: str, partition: str) -> Question:
        return of_slice(self.context, question, condition if looks_at_slices(question.asset) else "", partition)

    def _asked(self, sql: Statements, questions: Sequence[Question], partition: str) -> list[Finding]:
        if not self._alone:
            try:
                return ask_together(self.context, sql, questions, stored=self.context.graph.assets[self.number].materialized != "view")
            except WarehouseError as error:
                if self._is_over(str(error)):
                    raise
                self._alone = True
                raise AskAgain from error
        found: list[Finding] = []
        for question in questions:
            one = ask(self.context, sql, question)
            found.append(one)
            if one.failures is None and one.question.asset.blocks:
                return [one]
            if one.failures is None and self._is_over(one.message):
                raise WarehouseError(one.message)
            if one.failures is None:
                self._broken[partition, question.number] = one
                raise AskAgain
        return found

    def _is_over(self, message: str) -> bool:
        """Whether there is no time to ask again: that of the asset ran out, or the run is being stopped."""
        return self.context.stopping.is_set() or message.startswith(TIMED_OUT)


def looks_at_slices(test: Asset) -> bool:
    """Whether a test of an asset with partitions looks at what was just written: not if the whole table could tell otherwise."""
    if test.check is not None:
        return test.check.scope != "table"
    scope = test.penstock.get("scope")
    return scope != "table" and (scope == "partition" or test.test is None or test.test.name != "unique")


def _together(told: Finding, found: Sequence[Finding], partitions: PartitionSet) -> Finding:
    """Return what a check found in several slices as one finding that names them all, and those where it was worst."""
    failures = None if told.failures is None else sum(one.failures or 0 for one in found)
    totals = [one.total for one in found if one.total is not None]
    worst = [one for one in found if one.status is told.status and one.message]
    lines = [f"{one.question.partition}: {one.message}" for one in worst[:_MOST_TOLD]]
    more = [f"and {len(worst) - _MOST_TOLD} more"] if len(worst) > _MOST_TOLD else []
    return replace(
        told, failures=failures, total=sum(totals) if len(totals) == len(found) else None, message="; ".join([*lines, *more]),
        question=replace(told.question, partition=" ".join(map(str, partitions.ranges()))),
    )  # fmt: skip


def audits_of(graph: AssetGraph, due: Collection[int], native: Callable[[Asset], bool], sliced: Collection[str]) -> dict[int, list[int]]:
    """Return which of the due tests look at which of the due assets before these are published.

    `native` tells what the native executor runs; `sliced` are the keys of assets with partitions, which it writes itself.
    """
    wanted = set(due)
    found: dict[int, list[int]] = defaultdict(list)
    for number in sorted(wanted):
        asset = graph.assets[number]
        if not asset.is_data_test or not native(asset) or not comes_before(asset):
            continue
        last = _last_parent(graph, number)
        if last in wanted and last is not None:
            parent = graph.assets[last]
            if parent.builds_relation and (native(parent) or parent.key in sliced) and _is_about(asset, parent):
                found[last].append(number)
    return dict(found)


def comes_before(test: Asset) -> bool:
    """Whether a test wants to see rows before readers do."""
    if test.check is not None:
        return test.check.when == BEFORE
    return test.test is not None and test.test.severity == "ERROR" and test.penstock.get("when") != AFTER


def _is_about(test: Asset, parent: Asset) -> bool:
    """Whether a check's own asset is built last: it cannot look at rows before they are there."""
    return test.check is None or test.test is None or test.test.attached_node == parent.key


def groups_of(
    graph: AssetGraph, due: Collection[int], native: Callable[[Asset], bool], before: Mapping[int, Sequence[int]],
    alone: Collection[int] = (),
) -> dict[int, tuple[int, ...]]:  # fmt: skip
    """Return, for each due test that comes after publishing, the tests that can be asked together with it, but those `alone`.

    They look at one asset and wait for no other one in this run.
    """
    wanted, audited = set(due), {test for tests in before.values() for test in tests}
    groups: dict[str, list[int]] = defaultdict(list)
    for number in sorted(wanted - audited - set(alone)):
        asset = graph.assets[number]
        about = asset.test.attached_node if asset.test else ""
        if asset.is_data_test and native(asset) and about in graph:
            others = {parent for parent in graph.parents[number] if graph.assets[parent].key != about}
            if not wanted & (others | graph.ancestors(others)):
                groups[about].append(number)
    return {number: tuple(group) for group in groups.values() if len(group) > 1 for number in group}


def _last_parent(graph: AssetGraph, number: int) -> int | None:
    """Return the parent of a test that all its other parents lie upstream of, None where there is none such."""
    parents = set(graph.parents[number])
    for parent in parents:
        if parents - {parent} <= graph.ancestors([parent]):
            return parent
    return None
