"""The report as Markdown, for a comment, a job summary or a terminal: worst first, cut to what GitHub takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from penstock.plan.difference import AssetChange, Category, Impact, RowDiff
from penstock.plan.verdict import BuildOutcome, CheckOutcome, Finding, Severity, Verdict
from penstock.ui.reports.escaping import code, fenced, prose
from penstock.ui.reports.mermaid import mermaid
from penstock.ui.reports.sections import Section, within

MOST_BYTES = 60_000
"""GitHub refuses comments of more than 65,536 characters."""

_TITLES = {"failed": "❌ This must not be merged as it is", "warnings": "⚠️ Good, with warnings", "passed": "✅ Good to merge"}
_SIGNS = {
    Category.BREAKING: "🟥", Category.UNKNOWN: "🟨", Category.NON_BREAKING: "🟦", Category.ADDITIVE: "🟩", Category.COSMETIC: "⬜",
}  # fmt: skip
_MOST_SAMPLES = 5
_MOST_COLUMNS = 6


def markdown(verdict: Verdict, most: int = MOST_BYTES) -> str:
    """Return the report in at most that many bytes of UTF-8."""
    found = [
        _title(verdict), _problems(verdict), _changes(verdict), _impact(verdict), _diagram(verdict), _rows(verdict), _checks(verdict),
        _builds(verdict), _details(verdict), _notes(verdict),
    ]  # fmt: skip
    return within([section for section in found if section is not None], most)


def _title(verdict: Verdict) -> Section:
    difference = verdict.difference
    counts = [f"{len(difference.of(category))} {_words(category)}" for category in Category if difference.of(category)]
    problems = verdict.problems
    errors = sum(one.severity is Severity.ERROR for one in problems)
    said = ", ".join(counts) or "nothing that counts differs"
    counted = f"{_counted(errors, 'error')}, {_counted(len(problems) - errors, 'warning')}"
    line = f"**{said}** from {code(difference.base)} to {code(difference.head)}; {counted}."
    return Section((f"# Penstock: {_TITLES[verdict.word]}", "", line))


def _problems(verdict: Verdict) -> Section | None:
    entries = tuple(_problem(one) for one in verdict.problems)
    return Section(("", "## What stands in the way", ""), entries, noun="problems") if entries else None


def _problem(one: Finding) -> str:
    sign = "❌" if one.severity is Severity.ERROR else "⚠️"
    place = f" ({code(f'{one.path}:{one.line or 1}')})" if one.path else ""
    remedy = f"<br>{prose(one.remedy, 300)}" if one.remedy else ""
    return f"- {sign} **{prose(one.rule)}** {prose(one.message)}{place}{remedy}"


def _changes(verdict: Verdict) -> Section | None:
    changes = verdict.difference.changes
    head = ("", "## Changes", "", "| | asset | change | what | file |", "|---|---|---|---|---|")
    entries = tuple(
        f"| {_SIGNS[one.category]} {_words(one.category)} | {code(one.name)} | {prose(one.change)} | {_what(one)} | {code(one.path)} |"
        for one in changes
    )
    return Section(head, entries, noun="changed assets") if entries else None


def _what(change: AssetChange) -> str:
    columns = [one for one in change.columns if one.column not in change.reason]
    named = [f"{code(one.column)} {one.change}" for one in columns[:_MOST_COLUMNS]]
    more = [f"{len(columns) - _MOST_COLUMNS} more columns"] if len(columns) > _MOST_COLUMNS else []
    breaks = [f"contract: {prose(text)}" for text in change.contract_breaks]
    return "; ".join([prose(change.reason), *breaks, ", ".join([*named, *more])]).strip("; ")


def _impact(verdict: Verdict) -> Section | None:
    impact = verdict.difference.impact
    if not (impact.assets or impact.exposures or impact.checks):
        return None
    head = ["", "## What it reaches", "", _reach(impact)]
    if impact.exposures:
        head += ["", "| exposure | owner |", "|---|---|"]
    entries = tuple(f"| {code(verdict.name(key))} | {code(owner) or '-'} |" for key, owner in impact.exposures)
    return Section(tuple(head), entries, noun="exposures")


def _reach(impact: Impact) -> str:
    parts = [
        _counted(len(impact.assets), "asset"), _counted(len(impact.columns), "column"), _counted(len(impact.checks), "check"),
        _counted(len(impact.exposures), "exposure"),
    ]  # fmt: skip
    estimates = []
    if impact.partitions:
        estimates.append(f"about {_counted(impact.partitions, 'partition')} to build again")
    if impact.rows:
        estimates.append(f"about {_counted(impact.rows, 'row')}")
    return ", ".join(parts) + (f" ({', '.join(estimates)}, by what earlier builds recorded)." if estimates else ".")


def _diagram(verdict: Verdict) -> Section | None:
    lines, left_out = mermaid(verdict)
    if not verdict.edges or not lines:
        return None
    notice = ["", f"_{left_out:,} more assets are not drawn._"] if left_out else []
    return Section(("", "## The changed part of the graph", "", "```mermaid", *lines, "```", *notice))


def _rows(verdict: Verdict) -> Section | None:
    differing = [one for one in verdict.difference.row_diffs if not one.equal]
    equal = len(verdict.difference.row_diffs) - len(differing)
    if not verdict.difference.row_diffs:
        return None
    head = ["", "## Rows, against production", ""]
    if equal:
        head += [f"{_counted(equal, 'relation')} {'holds' if equal == 1 else 'hold'} the same rows as before.", ""]
    if differing:
        head += ["| asset | by | added | removed | changed | same | columns that changed |", "|---|---|--:|--:|--:|--:|---|"]
    return Section(tuple(head), tuple(_row_diff(verdict, one) for one in differing), noun="row differences")


def _row_diff(verdict: Verdict, one: RowDiff) -> str:
    columns = ", ".join(f"{code(name)} {count:,}" for name, count in sorted(one.columns.items(), key=lambda item: -item[1])[:_MOST_COLUMNS])
    said = "; ".join(part for part in (columns, prose(one.problem)) if part)
    by = code(", ".join(one.key)) or "whole rows"
    numbers = " | ".join(f"{count:,}" for count in (one.added, one.removed, one.changed, one.same))
    return f"| {code(verdict.name(one.asset))} | {by} | {numbers} | {said or '-'} |"


def _checks(verdict: Verdict) -> Section | None:
    if not verdict.checks:
        return None
    counts = _by_status(verdict.checks)
    bad = sorted((one for one in verdict.checks if one.status != "pass"), key=lambda one: (not one.failed, one.status != "warn"))
    return Section(("", f"## Checks: {counts}"), tuple("\n".join(_check(verdict, one)) for one in bad), noun="checks")


def _check(verdict: Verdict, one: CheckOutcome) -> Iterator[str]:
    count = f", {_counted(one.failures, 'failing row')}" if one.failures else ""
    yield f"\n- **{one.status}** {code(one.name)} of {code(verdict.name(one.asset))}{count} {prose(one.message, 400)}".rstrip()
    if one.samples:
        names = list(one.samples[0])
        yield f"\n  | {' | '.join(code(name, 40) for name in names)} |\n  |{'---|' * len(names)}"
        for sample in one.samples[:_MOST_SAMPLES]:
            yield f"  | {' | '.join(code(sample.get(name, ''), 60) for name in names)} |"


def _builds(verdict: Verdict) -> Section | None:
    if not verdict.builds:
        return None
    head = ("", f"## Builds: {_by_status(verdict.builds)}", "", "| asset | status | rows | seconds | |", "|---|---|--:|--:|---|")
    ordered = sorted(verdict.builds, key=lambda one: not one.failed)
    return Section(head, tuple(_build(one) for one in ordered), noun="builds")


def _build(one: BuildOutcome) -> str:
    rows = "" if one.rows is None else f"{one.rows:,}"
    seconds = f"{one.seconds:.2f}" if one.seconds else ""
    return f"| {code(one.name)} | {prose(one.status)} | {rows} | {seconds} | {prose(one.message, 300)} |"


def _details(verdict: Verdict) -> Section | None:
    entries = tuple("\n".join(_expressions(one)) for one in verdict.difference.changes if one.expressions)
    head = ("", "<details><summary>Expressions that changed</summary>")
    return Section(head, entries, ("", "</details>"), noun="assets' expressions") if entries else None


def _expressions(change: AssetChange) -> Iterator[str]:
    yield f"\n{code(change.name)}\n"
    lines = []
    for before, after in change.expressions[:10]:
        lines += [f"- {line}" for line in before.splitlines()] + [f"+ {line}" for line in after.splitlines()]
    yield from fenced("\n".join(lines), "diff", 3000)


def _notes(verdict: Verdict) -> Section | None:
    entries = tuple(f"- {prose(note)}" for note in (*verdict.notes, *verdict.difference.problems))
    return Section(("", "## How it was looked at, and what was not", ""), entries, noun="notes") if entries else None


def _by_status(outcomes: Sequence[BuildOutcome | CheckOutcome]) -> str:
    counts: Mapping[str, int] = {one.status: sum(other.status == one.status for other in outcomes) for one in outcomes}
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _words(category: Category) -> str:
    return category.value.replace("_", "-")
