"""Data tests and checks, asked natively: all that look at one relation in as few statements as pay."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from penstock.assets.redact import redact
from penstock.compiler.fuse import CheckQuery, Fused, alone, fuse, settle
from penstock.compiler.samples import masked_columns, sample_query
from penstock.compiler.tests import TestVerdict
from penstock.errors import PenstockError, WarehouseError
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.questions import AFTER, Finding, Question, of_chosen, prepared, tested_by
from penstock.state.store import Statements

if TYPE_CHECKING:
    from penstock.runner.context import RunContext

LARGE = 1_000_000
"""From how many rows on it pays to look for a cheaper way to count."""

SAMPLES = 100
"""How many failing rows of a dbt test are stored."""

_QUOTING = re.compile("(Conversion|Out of Range|Invalid Input|Invalid Type|Mismatch Type|Constraint|Serialization) Error")
"""How DuckDB's errors begin that may quote a value."""

_NULL = "None is not of type 'integer'"
"""What dbt says where a calculation of failures gives NULL."""


def ask(context: RunContext, sql: Statements, question: Question) -> Finding:
    """Ask one test; what goes wrong is its status. Failing rows are for `with_samples` to fetch."""
    started = context.clock()
    try:
        row = sql.connection.execute(question.statement)[0]
    except WarehouseError as error:
        return Finding(question, context.failure, None, _told(question, error), started, context.clock())
    said = question.verdict(row)
    if said is None:
        return Finding(question, Status.ERROR, None, _NULL, started, context.clock())
    total = row[1] if question.asset.check is not None else None
    return _found(context, question, said, started, None if total is None else int(str(total)))


def ask_together(context: RunContext, sql: Statements, questions: Sequence[Question], *, stored: bool) -> list[Finding]:
    """Ask tests of one relation in as few statements as pay. Raises WarehouseError where one of them breaks a statement."""
    together = [one for one in questions if one.countable]
    findings = [ask(context, sql, one) for one in questions if not one.countable]
    if len(together) < 2 and not any(_counts_values(context, one) for one in together):
        return findings + [ask(context, sql, one) for one in together]
    counts = _counted(context, sql, together, stored=stored)
    for question, (failures, total, started) in zip(together, counts, strict=True):
        findings.append(_found(context, question, question.verdict_of_count(failures, total), started, total))
    return findings


def _counted(
    context: RunContext, sql: Statements, questions: Sequence[Question], *, stored: bool
) -> list[tuple[int, int | None, datetime]]:
    """Return failures, all rows where a threshold needs them, and when the statement began, of each question."""
    queries = [CheckQuery(one.query, limit=one.spec.limit, plain=one.plain) for one in questions]
    wanted = {number: one.this for number, one in enumerate(questions) if one.asset.check is not None and one.asset.check.needs_total}
    places = {this: len(queries) + place for place, this in enumerate(dict.fromkeys(wanted.values()))}
    totals = {number: places[this] for number, this in wanted.items()}
    queries += [CheckQuery(f"select * from {this} as this", plain=True) for this in places]
    this = questions[0].this
    columns = sql.run("describe", relation=this) if stored and this and any(_counts_values(context, one) for one in questions) else ()
    failures: dict[int, int | None] = {}
    began: dict[int, datetime] = {}
    for fused in fuse(this, queries, stored=stored, columns=[row[:2] for row in columns], dialect=context.warehouse.capabilities.dialect):
        started = context.clock()
        began.update(dict.fromkeys(fused.checks, started))
        failures |= _settled(sql, fused, queries)
    return [
        (failures[number] or 0, failures[totals[number]] if number in totals else None, began[number]) for number in range(len(questions))
    ]


def _counts_values(context: RunContext, question: Question) -> bool:
    """Whether a test counts how often values occur in a large table, which is cheaper where these are integers."""
    if question.spec.name != "unique" or question.partition:
        return False
    made = context.facts.state.materializations.get(question.spec.attached_node)
    return made is None or made.rows is None or made.rows >= LARGE


def _settled(sql: Statements, fused: Fused, queries: Sequence[CheckQuery]) -> dict[int, int | None]:
    counts, again = settle(fused, sql.connection.execute(fused.statement))
    for number in again:
        single = alone(number, queries[number])
        counts |= settle(single, sql.connection.execute(single.statement))[0]
    return counts


def _found(context: RunContext, question: Question, said: TestVerdict, started: datetime, total: int | None) -> Finding:
    status, message = Status(said.status), said.message
    if status is Status.WARN and context.warn_error:
        status, message = Status.FAIL, message.replace("configured to warn", "configured to fail")
    waiver = context.facts.state.waivers.get(question.asset.key)
    waived = status is Status.FAIL and context.facts.state.is_waived(question.asset.key, context.facts.now)
    if waived and waiver is not None:
        status, message = Status.WARN, f"{message}; waived until {waiver.until:%Y-%m-%d}: {waiver.reason}"
    return Finding(question, status, said.failures, message, started, context.clock(), total, waived=waived)


def with_samples(sql: Statements, finding: Finding) -> Finding:
    """Fetch some failing rows, if there are any; in an open transaction, only what is rolled back may be asked this."""
    failing = finding.status in (Status.FAIL, Status.WARN) and not finding.samples
    return replace(finding, samples=_samples(sql, finding.question)) if failing else finding


def _samples(sql: Statements, question: Question) -> tuple[str, ...]:
    """Return some failing rows, none where they cannot be had."""
    check = question.asset.check
    limit = SAMPLES if check is None else check.limit
    if not limit:
        return ()
    try:
        columns, masked = (), frozenset[str]()
        if question.mask:
            columns = tuple(row[0] for row in sql.run("describe", relation=f"(\n{question.query}\n)"))
            masked = masked_columns(question.query, columns, question.mask)
        rows = sql.connection.execute(
            f"select to_json(penstock_row)::varchar from (\n{sample_query(question.query, limit, columns, masked)}\n) as penstock_row"
        )
    except (WarehouseError, ValueError):
        return ()
    return tuple(redact(str(row[0])) for row in rows)


class SharedScans:
    """Tests that come after publishing, asked together with the others of their group when the first one has its turn."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._groups: Mapping[int, tuple[int, ...]] = {}
        self._found: dict[int, Finding] = {}
        self._locks: dict[tuple[int, ...], threading.Lock] = {}

    def plan(self, groups: Mapping[int, tuple[int, ...]]) -> None:
        """Take in the groups: for each test all tests of its group, itself included."""
        self._groups = groups
        self._locks = {members: threading.Lock() for members in groups.values()}

    def outcome(self, number: int) -> Outcome:
        """Return how a test ended. Raises what compiling it raises."""
        group = self._groups.get(number, (number,))
        with self._locks.get(group) or threading.Lock():
            if number not in self._found:
                self._ask(number, group)
            found = self._found.pop(number)
        return with_samples(self._context.statements(), found).outcome(self._context, AFTER)

    def _ask(self, number: int, group: Sequence[int]) -> None:
        context, sql = self._context, self._context.statements()
        questions = [of_chosen(context, one) for one in (prepared(context, number), *self._others(number, group))]
        tested = tested_by(context, number)
        if len(questions) > 1 and tested is not None:
            try:
                findings = ask_together(context, sql, questions, stored=tested.materialized != "view")
            except WarehouseError:
                findings = []
            self._found.update({one.question.number: one for one in findings})
        for question in questions:
            if question.number not in self._found:
                self._found[question.number] = ask(context, sql, question)

    def _others(self, number: int, group: Sequence[int]) -> list[Question]:
        """Compile the rest of a group; a test that cannot be compiled says so at its own turn."""
        questions = []
        for other in group:
            if other != number and other not in self._found:
                try:
                    questions.append(prepared(self._context, other))
                except PenstockError:
                    continue
        return questions


def _told(question: Question, error: WarehouseError) -> str:
    """Return an error's text, of one that quotes values its kind alone where some values must not be seen."""
    quoting = _QUOTING.match(str(error)) if question.mask else None
    return f"{quoting[0]}, whose text is not shown: it may quote masked columns" if quoting else str(error)
