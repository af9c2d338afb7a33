"""A difference as Markdown, for a comment on a pull request."""

from __future__ import annotations

from penstock.plan.difference import AssetChange, Category, Difference, RowDiff
from penstock.plan.names import display
from penstock.ui.diff_lines import counted, reached, words
from penstock.ui.reports.escaping import code, fenced, prose
from penstock.ui.reports.sections import Section, within

MOST_BYTES = 60_000


def markdown(difference: Difference, most: int = MOST_BYTES) -> str:
    """Return the difference in at most that many bytes of UTF-8, worst first."""
    counts = [f"{len(found)} {words(category)}" for category in Category if (found := difference.of(category))]
    line = f"**{', '.join(counts) or 'Nothing differs'}** from {code(difference.base)} to {code(difference.head)}."
    title = Section(("# Changes", "", line))
    sections = [
        title,
        _changes(difference),
        _impact(difference),
        _graph(difference),
        _rows(difference),
        _details(difference),
        _notes(difference),
    ]
    return within([section for section in sections if section is not None], most)


def _changes(difference: Difference) -> Section | None:
    head = ("", "| category | asset | change | what |", "|---|---|---|---|")
    return _section(head, [_change(one) for one in difference.changes], "changed assets")


def _change(one: AssetChange) -> str:
    said = "; ".join([one.reason, *(text for text in one.contract_breaks if text not in one.reason)])
    return f"| {words(one.category)} | {code(display(one.asset))} | {one.change} | {prose(said)} |"


def _impact(difference: Difference) -> Section | None:
    impact = difference.impact
    if not difference.changes:
        return None
    exposures = [f"- exposure {code(display(key))}{f', owned by {prose(owner)}' if owner else ''}" for key, owner in impact.exposures]
    return Section(("", "## What they reach", "", f"{reached(impact)}.", ""), tuple(exposures), noun="exposures")


def _graph(difference: Difference) -> Section | None:
    edges = [("added", *edge) for edge in difference.edges_added] + [("removed", *edge) for edge in difference.edges_removed]
    entries = [f"- {change}: {code(display(parent))} to {code(display(child))}" for change, parent, child in edges]
    return _section(("", "## Graph", ""), entries, "edges")


def _rows(difference: Difference) -> Section | None:
    head = ("", "## Rows", "", "| asset | by | added | removed | changed | same | |", "|---|---|--:|--:|--:|--:|---|")
    return _section(head, [_row_diff(one) for one in difference.row_diffs], "relations")


def _row_diff(one: RowDiff) -> str:
    columns = ", ".join(f"{code(name)} {count:,}" for name, count in sorted(one.columns.items(), key=lambda item: (-item[1], item[0]))[:6])
    numbers = " | ".join(f"{count:,}" for count in (one.added, one.removed, one.changed, one.same))
    said = "; ".join(filter(None, (columns, prose(one.problem))))
    return f"| {code(display(one.asset))} | {code(', '.join(one.key)) or 'whole rows'} | {numbers} | {said} |"


def _details(difference: Difference) -> Section | None:
    entries = []
    for one in difference.changes:
        lines = [
            f"{sign} {line}" for pair in one.expressions[:10] for sign, text in zip("-+", pair, strict=True) for line in text.splitlines()
        ]
        if lines:
            entries.append("\n".join(["", f"{code(display(one.asset))}", "", *fenced("\n".join(lines), "diff", 3000)]))
    return _section(
        ("", f"<details><summary>{counted(len(entries), 'asset')} with other expressions</summary>"), entries, "assets", ("", "</details>")
    )


def _notes(difference: Difference) -> Section | None:
    return _section(("", "## What was not looked at", ""), [f"- {prose(note)}" for note in difference.problems], "notes")


def _section(head: tuple[str, ...], entries: list[str], noun: str, tail: tuple[str, ...] = ()) -> Section | None:
    return Section(head, tuple(entries), tail, noun) if entries else None
