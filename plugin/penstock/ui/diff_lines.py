"""A difference as lines for a terminal: worst first, what changed below each asset, then what it reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from penstock.plan.difference import AssetChange, Category, Difference, Impact, RowDiff
from penstock.plan.names import display

STYLES = {
    Category.BREAKING: "red",
    Category.UNKNOWN: "yellow",
    Category.NON_BREAKING: "cyan",
    Category.ADDITIVE: "green",
    Category.COSMETIC: "dim",
}
"""How each category is coloured."""

Styled = Callable[[str, str], str]

_MOST = 6
_WIDTH = 100


def lines_of(difference: Difference, styled: Styled) -> Iterator[str]:
    """Yield the lines; `styled` puts a text in a colour, where colours are shown."""
    counts = [f"{len(found)} {words(category)}" for category in Category if (found := difference.of(category))]
    title = f"Diff from {difference.base} to {difference.head}"
    yield f"{styled(title, 'bold')}  {', '.join(counts) or 'nothing differs'}"
    width = max((len(_called(change)) for change in difference.changes), default=0)
    for change in difference.changes:
        head = f"{words(change.category).upper():12}  {_called(change):{width}}  {change.change:8}  "
        yield styled(head, STYLES[change.category]) + change.reason
        yield from (f"{'':14}{text}" for text in _details(change, styled))
    for sign, edges in (("+", difference.edges_added), ("-", difference.edges_removed)):
        for parent, child in edges:
            yield f"graph         {sign} {display(parent)} -> {display(child)}"
    if difference.changes:
        yield from _impact(difference.impact)
    for one in difference.row_diffs:
        yield from _rows(one, styled)


def words(category: Category) -> str:
    """Return a category in words."""
    return category.value.replace("_", "-")


def counted(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def reached(impact: Impact) -> str:
    """Return what changes reach in one line."""
    parts = [counted(len(impact.assets), "asset"), counted(len(impact.columns), "column"), counted(len(impact.checks), "check")]
    if impact.partitions:
        parts.append(f"about {counted(impact.partitions, 'partition')} to build again")
    if impact.rows:
        parts.append(f"about {counted(impact.rows, 'row')} to build again")
    return ", ".join(parts)


def _called(change: AssetChange) -> str:
    return display(change.asset)


def _details(change: AssetChange, styled: Styled) -> Iterator[str]:
    for before, after in change.expressions[:_MOST]:
        if before:
            yield styled(f"- {_short(before)}", "red")
        if after:
            yield styled(f"+ {_short(after)}", "green")
    if len(change.expressions) > _MOST:
        yield f"and {len(change.expressions) - _MOST} more expressions"
    yield from (styled(text, "red") for text in change.contract_breaks if text not in change.reason)


def _impact(impact: Impact) -> Iterator[str]:
    yield f"Reaches       {reached(impact)}"
    names = [display(key) for key in impact.assets]
    if names:
        yield f"{'':14}{', '.join(names[:_MOST])}" + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
    for key, owner in impact.exposures:
        yield f"{'':14}exposure {display(key).removeprefix('exposure.')}" + (f", owned by {owner}" if owner else "")


def _rows(one: RowDiff, styled: Styled) -> Iterator[str]:
    name = f"rows          {display(one.asset)}"
    if one.problem and not (one.added or one.removed or one.changed or one.same):
        yield f"{name}  {styled(one.problem, 'yellow')}"
        return
    by = f"by {', '.join(one.key)}" if one.key else "as whole rows"
    if one.equal:
        yield f"{name}  {styled('the same', 'green')}: {counted(one.same, 'row')}"
        return
    slices = f", {one.compared} of {one.slices} slices differ" if one.slices > 1 else ""
    yield f"{name}  +{one.added:,} -{one.removed:,} ~{one.changed:,} ={one.same:,}  {by}{slices}"
    if one.problem:
        yield f"{'':14}{styled(one.problem, 'yellow')}"
    if one.columns:
        worst = sorted(one.columns.items(), key=lambda item: (-item[1], item[0]))
        yield f"{'':14}changed: {', '.join(f'{column} {count:,}' for column, count in worst[:_MOST])}"
    signs = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
    for sample in one.samples:
        sign, style = signs[sample[""]]
        yield styled(f"{'':14}{sign} {_short(', '.join(f'{key}={value}' for key, value in sample.items() if key))}", style)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
