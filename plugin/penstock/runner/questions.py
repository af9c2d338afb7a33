"""A data test or check as a question to the warehouse: its query in place, what its answer means, and what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from penstock.assets.asset import Asset, TestSpec
from penstock.assets.check import CheckSpec, parse_threshold
from penstock.assets.code_version import code_version
from penstock.assets.names import RelationName
from penstock.compiler.checks import check_query, check_sql, check_verdict, sliced
from penstock.compiler.fuse import is_plain
from penstock.compiler.restrict import restricted
from penstock.compiler.slices import conditions_of, where
from penstock.compiler.tests import TestVerdict, test_query, verdict
from penstock.errors import ParseError
from penstock.runner.outcomes import Outcome, Status

if TYPE_CHECKING:
    from penstock.runner.context import RunContext

EXECUTOR = "native"
AFTER, BEFORE = "after", "before_publish"
"""When a test looked at the rows."""

_COUNT = re.compile(r"\s*count\s*\(\s*\*\s*\)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """A test or check ready to be asked of its relation or of some rows of it; `partition` names those, "" all.

    `query` gives the failing rows, `this` is what it selects them from; `mask` are columns whose values nobody may see; `plain`: the query
    can stand in a statement with others.
    """

    number: int
    asset: Asset
    query: str
    this: str
    partition: str = ""
    mask: tuple[str, ...] = ()
    volatile: str = ""
    code_version: str = ""
    inputs_version: str = ""
    plain: bool = False

    @property
    def spec(self) -> TestSpec:
        """What dbt's test materialization needs to know of it."""
        return self.asset.test or TestSpec()

    @property
    def statement(self) -> str:
        """The statement that asks it alone."""
        return check_query(self.asset.check, self.query, self.this) if self.asset.check else test_query(self.spec, self.query)

    def verdict(self, row: Sequence[object]) -> TestVerdict | None:
        """Read the statement's row, None where there is no number of failures."""
        if row[0] is None:
            return None
        failures = int(str(row[0]))
        if self.asset.check is not None and row[2]:
            return TestVerdict(Status.INSUFFICIENT, 0, "too little history to compare with")
        if self.asset.check is not None:
            return check_verdict(self.asset.check, failures, None if row[1] is None else int(str(row[1])))
        return verdict(self.spec, failures, bool(row[1]), bool(row[2]))

    def verdict_of_count(self, failures: int, total: int | None) -> TestVerdict:
        """Judge a count by thresholds that are a comparison with a number."""
        return check_verdict(self.asset.check or _as_check(self.spec), failures, total)

    @property
    def countable(self) -> bool:
        """Whether it counts rows and compares the count with numbers, so that others can share the statement."""
        if self.asset.check is not None:
            return not self.asset.check.insufficient_sql
        return _COUNT.fullmatch(self.spec.fail_calc) is not None and _is_threshold(self.spec.warn_if) and _is_threshold(self.spec.error_if)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a test found; `failures` is None where it broke, `total` where nobody counted; `samples` are JSON objects.

    What is `waived` is asked again in the next run: the waiver ends some day.
    """

    question: Question
    status: Status
    failures: int | None
    message: str
    started_at: datetime
    finished_at: datetime
    total: int | None = None
    samples: tuple[str, ...] = ()
    waived: bool = False

    def outcome(self, context: RunContext, when: str, *, proven: bool = True) -> Outcome:
        """Return it as the outcome of its node; one that is not `proven` is asked again in the next run, whatever changed."""
        asked = self.question
        found = context.outcome(
            asked.number, self.status, EXECUTOR, self.message, self.started_at, failures=self.failures,
            inputs_version=asked.inputs_version if proven and not self.waived else "", volatile=asked.volatile,
            code_version=asked.code_version,
        )  # fmt: skip
        seconds = (self.finished_at - self.started_at).total_seconds()
        return replace(found, samples=self.samples, total=self.total, partition=asked.partition, when=when, seconds=seconds)


def prepared(context: RunContext, number: int) -> Question:
    """Compile a test or check. Raises ProjectError or ParseError for one that cannot be."""
    asset = context.graph.assets[number]
    query, facts = context.queries.get(asset)
    tested = tested_by(context, number)
    return Question(
        number, asset, query, tested.relation.sql if tested and tested.relation else "",
        mask=_mask(context, number), volatile=context.test_volatility(number, facts), code_version=code_version(asset, facts.canonical),
        inputs_version=context.versions.digest(number), plain=is_plain(query, facts),
    )  # fmt: skip


def of_slice(context: RunContext, question: Question, condition: str, partition: str) -> Question:
    """Return a question of those rows only for which a condition holds. Raises ProjectError where they cannot be told apart."""
    tested = tested_by(context, question.number)
    if not condition or tested is None or tested.relation is None:
        return question
    if question.asset.check is not None:
        this = sliced(tested.relation.sql, condition)
        return replace(question, query=check_sql(question.asset.check, this), this=this, partition=partition)
    name = RelationName(*tested.relation.normalised(context.facts.database))
    query = restricted(question.query, {name: condition}, context.warehouse.capabilities.dialect)
    return replace(question, query=query, partition=partition)


def of_chosen(context: RunContext, question: Question) -> Question:
    """Return a question of the partitions that the user named, if it is only about tests."""
    tested = tested_by(context, question.number)
    partitions = context.facts.chosen.get(tested.key) if tested is not None else None
    if not context.checks_chosen or partitions is None or tested is None or tested.relation is None:
        return question
    columns = context.statements().run("describe", relation=tested.relation.sql)
    dialect = context.warehouse.capabilities.dialect
    parts = list(partitions.ranges())
    condition = " or ".join(f"({where(conditions_of(part, columns), dialect)})" for part in parts) or "false"
    return of_slice(context, question, condition, " ".join(map(str, parts)))


def tested_by(context: RunContext, number: int) -> Asset | None:
    """Return the asset that a test is about, None where that is not one."""
    graph, asset = context.graph, context.graph.assets[number]
    key = asset.test.attached_node if asset.test else ""
    if key in graph:
        return graph[key]
    parents = graph.parents[number]
    return graph.assets[parents[0]] if len(parents) == 1 else None


def _mask(context: RunContext, number: int) -> tuple[str, ...]:
    """Return the columns whose values nobody may see, of all assets that a test reads."""
    graph = context.graph
    wishes = [graph.assets[parent].penstock.get("mask") for parent in graph.parents[number]]
    lists = (wish if isinstance(wish, (list, tuple)) else [wish] for wish in wishes if wish)
    return tuple(dict.fromkeys(str(column) for columns in lists for column in columns))


def _as_check(spec: TestSpec) -> CheckSpec:
    return CheckSpec("", "", severity=spec.severity.lower(), error_if=spec.error_if, warn_if=spec.warn_if)


def _is_threshold(text: str) -> bool:
    try:
        return not parse_threshold(text).of_total
    except ParseError:
        return False
