"""The report as one HTML file: no script, nothing loaded from elsewhere, every foreign word escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files

from penstock.plan.difference import AssetChange, Category, RowDiff
from penstock.plan.verdict import BuildOutcome, Finding, Severity, Verdict
from penstock.ui.reports.escaping import shortened, visible

_TITLES = {"failed": "This must not be merged as it is", "warnings": "Good, with warnings", "passed": "Good to merge"}
_NO_LOADING = "default-src 'none'; style-src 'unsafe-inline'"
"""A browser then fetches and runs nothing, even where an escape were forgotten."""


def html(verdict: Verdict) -> str:
    """Return the page."""
    style = files("penstock.ui.reports").joinpath("report.css").read_text(encoding="utf-8")
    body = [
        _header(verdict), _problems(verdict.problems), _changes(verdict.difference.changes), _impact(verdict), _rows(verdict),
        _checks(verdict), _builds(verdict.builds), _expressions(verdict.difference.changes), _notes(verdict),
    ]  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_NO_LOADING}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Penstock: {verdict.word}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{''.join(body)}</body>\n</html>\n"
    )


def text(value: object, most: int = 2000) -> str:
    """Escape foreign words for text and attributes alike."""
    return escape(shortened(visible(str(value)), most))


def _header(verdict: Verdict) -> str:
    difference = verdict.difference
    tiles = [(len(difference.of(category)), category.value.replace("_", "-")) for category in Category if difference.of(category)]
    tiles += [(len(verdict.problems), "to look at"), (len(difference.impact.assets), "reached")]
    shown = "".join(f'<span class="tile"><b>{count:,}</b>{text(words)}</span>' for count, words in tiles)
    return (
        f'<header class="{verdict.word}"><h1>{_TITLES[verdict.word]}</h1>'
        f'<p class="quiet">from {_code(difference.base)} to {_code(difference.head)}</p><div class="tiles">{shown}</div></header>\n'
    )


def _problems(problems: Sequence[Finding]) -> str:
    rows = [
        [_tag(one.severity), _code(one.rule), text(one.message) + (f'<p class="quiet">{text(one.remedy)}</p>' if one.remedy else ""),
         _code(f"{one.path}:{one.line or 1}" if one.path else "")]
        for one in sorted(problems, key=lambda one: one.severity is not Severity.ERROR)
    ]  # fmt: skip
    return _section("What stands in the way", _table(["", "rule", "what", "where"], rows)) if rows else ""


def _changes(changes: Sequence[AssetChange]) -> str:
    rows = [[_tag(one.category), _code(one.name), text(one.change), _what(one), _code(one.path)] for one in changes]
    return _section("Changes", _table(["", "asset", "change", "what", "file"], rows)) if rows else ""


def _what(change: AssetChange) -> str:
    columns = ", ".join(f"{_code(one.column)} {text(one.change)}" for one in change.columns)
    breaks = "".join(f"<p>{_tag('breaking')} contract: {text(one)}</p>" for one in change.contract_breaks)
    return text(change.reason) + breaks + (f"<p>{columns}</p>" if columns else "")


def _impact(verdict: Verdict) -> str:
    impact = verdict.difference.impact
    rows = [[_code(verdict.name(key)), text(owner or "-")] for key, owner in impact.exposures]
    names = ", ".join(_code(verdict.name(key)) for key in impact.assets)
    return _section("What it reaches", f"<p>{names}</p>" + _table(["exposure", "owner"], rows)) if names or rows else ""


def _rows(verdict: Verdict) -> str:
    rows = [_row_diff(verdict, one) for one in sorted(verdict.difference.row_diffs, key=lambda one: one.equal)]
    heads = ["asset", "by", "added", "removed", "changed", "same", "columns that changed"]
    return _section("Rows, against production", _table(heads, rows, numbers=range(2, 6))) if rows else ""


def _row_diff(verdict: Verdict, one: RowDiff) -> list[str]:
    columns = ", ".join(f"{_code(name)} {count:,}" for name, count in one.columns.items())
    problem = f"<p>{text(one.problem)}</p>" if one.problem else ""
    counts = [f"{count:,}" for count in (one.added, one.removed, one.changed, one.same)]
    return [_code(verdict.name(one.asset)), text(", ".join(one.key) or "whole rows"), *counts, columns + problem + _samples(one.samples)]


def _checks(verdict: Verdict) -> str:
    rows = [
        [_tag(one.status), _code(one.name), _code(verdict.name(one.asset)), "" if one.failures is None else f"{one.failures:,}",
         f"{one.seconds:.2f}", text(one.message) + _samples(one.samples)]
        for one in sorted(verdict.checks, key=lambda one: (not one.failed, one.status == "pass"))
    ]  # fmt: skip
    heads = ["", "check", "of", "failures", "seconds", ""]
    return _section("Checks", _table(heads, rows, numbers=range(3, 5))) if rows else ""


def _builds(builds: Sequence[BuildOutcome]) -> str:
    rows = [
        [_tag(one.status), _code(one.name), "" if one.rows is None else f"{one.rows:,}", f"{one.seconds:.2f}", text(one.message)]
        for one in sorted(builds, key=lambda one: not one.failed)
    ]
    return _section("Builds", _table(["", "asset", "rows", "seconds", ""], rows, numbers=range(2, 4))) if rows else ""


def _expressions(changes: Sequence[AssetChange]) -> str:
    found = "".join(f"<details><summary>{_code(one.name)}</summary><pre>{_diff(one)}</pre></details>" for one in changes if one.expressions)
    return _section("Expressions that changed", found) if found else ""


def _diff(change: AssetChange) -> str:
    lines = [(kind, line) for pair in change.expressions for kind, words in zip(("minus", "plus"), pair, strict=True)
             for line in words.splitlines()]  # fmt: skip
    return "".join(f'<span class="{kind}">{"-" if kind == "minus" else "+"} {text(line)}</span>' for kind, line in lines)


def _notes(verdict: Verdict) -> str:
    notes = "".join(f"<li>{text(note)}</li>" for note in (*verdict.notes, *verdict.difference.problems))
    return _section("How it was looked at, and what was not", f'<ul class="quiet">{notes}</ul>') if notes else ""


def _samples(samples: Sequence[Mapping[str, str]]) -> str:
    if not samples:
        return ""
    names = list(dict.fromkeys(name for sample in samples for name in sample))
    rows = [[_code(sample.get(name, "")) for name in names] for sample in samples]
    return f'<details class="samples"><summary>rows</summary>{_table(names, rows)}</details>'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{text(title)}</h2>\n{body}</section>\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: range = range(0)) -> str:
    """Return a table; heads are escaped here, cells are HTML already."""
    body = "".join(
        f"<tr>{''.join(f'<td{_aligned(column in numbers)}>{cell}</td>' for column, cell in enumerate(row))}</tr>\n" for row in rows
    )
    head = "".join(f"<th{_aligned(column in numbers)}>{text(one)}</th>" for column, one in enumerate(heads))
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n' if body else ""


def _aligned(number: bool) -> str:
    return ' class="number"' if number else ""


def _tag(word: str) -> str:
    return f'<span class="tag {text(word)}">{text(word.replace("_", "-"))}</span>'


def _code(words: str) -> str:
    return f"<code>{text(words)}</code>" if words else ""
