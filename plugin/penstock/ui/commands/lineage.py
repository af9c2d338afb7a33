"""`penstock lineage NODE[.COLUMN]`: what an asset or a column comes from and what reads it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import click

from penstock.app.column_map import column_map_of, coverage_of
from penstock.app.reading import reading
from penstock.app.settings import Settings
from penstock.errors import SelectionError
from penstock.graph.column_walk import ColumnMap, Spot, names_of
from penstock.plan.names import display
from penstock.ui.console import Console
from penstock.ui.lineage_assets import Surroundings
from penstock.ui.lineage_columns import arrows, as_json, column_trees, coverage_line, label
from penstock.ui.lineage_graphs import dot, mermaid
from penstock.ui.lineage_openlineage import Place, run_events
from penstock.ui.options import console_of, output_options, place_options, settings_of

_TESTS = ("test.", "check.", "unit_test.")


@click.command()
@click.argument("node", metavar="NODE[.COLUMN]")
@click.option("--up", type=click.IntRange(min=0), default=None, help="How many steps upstream (default: all).")
@click.option("--down", type=click.IntRange(min=0), default=None, help="How many steps downstream (default: all).")
@click.option("--columns", is_flag=True, help="All columns of NODE; as a tree one step each way, where --up and --down do not say.")
@click.option("--tests", is_flag=True, help="Show tests too.")
@click.option("--output", type=click.Choice(["tree", "json", "dot", "mermaid", "openlineage"]), default="tree")
@output_options
@place_options
def lineage(node: str, up: int | None, down: int | None, columns: bool, tests: bool, output: str, **options: Any) -> int:
    """Show what NODE, or one of its columns, comes from and what reads it, as the last build recorded it."""
    console = console_of(options)
    settings = settings_of(options)
    with reading(settings) as state:
        edges = [edge for edge in state.lineage() if tests or edge.kind != "test"]
        status = state.query("show_status")
        known = column_map_of(state, lambda key: tests or not key.startswith(_TESTS))
        coverage = coverage_of(state)
    found = _resolve(node, [*(row[0] for row in status), *(edge.child for edge in edges), *known.columns], known)
    if isinstance(found, str) and not columns and output != "openlineage":
        _show_assets(console, Surroundings(found, edges, up, down), output, {row[0]: row[3] for row in status})
    elif output == "openlineage":
        links = known.between(_columns_of(found, known), up, down)
        console.json(run_events(links, known.columns, _place(settings, status)))
    elif output == "tree":
        step = 1 if isinstance(found, str) else None
        for spot in _columns_of(found, known):
            _show_trees(console, column_trees(known, spot, step if up is None else up, step if down is None else down))
    else:
        _show_columns(console, _columns_of(found, known), known, up, down, output)
    if output == "tree" and coverage:
        console.note(coverage_line(coverage))
    return 0


def _resolve(text: str, keys: Iterable[str], known: ColumnMap) -> str | Spot:
    """Return the asset that is called so, else the column. Raises SelectionError for none or several, with near names."""
    names = names_of(keys)
    found = names.get(text, ())
    if len(found) == 1:
        return found[0]
    if found:
        raise SelectionError(f"`{text}` could be {', '.join(found)}", hint="Use the full name.")
    if any(text[:dot] in names for dot, letter in enumerate(text) if letter == "."):
        return known.find(text, keys)
    near = difflib.get_close_matches(text, [display(key) for key in keys], 3)
    hint = f"Did you mean {', '.join(dict.fromkeys(near))}?" if near else ""
    raise SelectionError(f"the recorded lineage has no asset `{text}`", hint=hint)


def _columns_of(found: str | Spot, known: ColumnMap) -> list[Spot]:
    """Return the columns that are asked for. Raises SelectionError where none is on record."""
    if isinstance(found, Spot):
        return [found]
    if not known.columns.get(found):
        raise SelectionError(f"no column of {display(found)} is on record", hint="Run `penstock build` to record them.")
    return [Spot(found, column) for column in known.columns[found]]


def _show_assets(console: Console, around: Surroundings, output: str, statuses: dict[str, str]) -> None:
    if output == "json":
        console.json([{"parent": edge.parent, "child": edge.child, "kind": edge.kind} for edge in around.kept()])
    elif output == "tree":
        _show_trees(console, around.trees(statuses))
    else:
        drawn = dot(around.arrows(), display) if output == "dot" else mermaid([around.key], around.arrows(), display)
        console.data("\n".join(drawn))


def _show_columns(console: Console, start: Sequence[Spot], known: ColumnMap, up: int | None, down: int | None, output: str) -> None:
    links = known.between(start, up, down)
    if output == "json":
        console.json(as_json(links))
    else:
        console.data("\n".join(dot(arrows(links), label) if output == "dot" else mermaid(start, arrows(links), label)))


def _show_trees(console: Console, trees: Iterable[tuple[str, list[str]]]) -> None:
    for title, lines in trees:
        console.data(console.styled(title, "bold"))
        for line in lines:
            console.data(line)


def _place(settings: Settings, status: Sequence[tuple[Any, ...]]) -> Place:
    built = {row[0]: row[5] for row in status if row[5] is not None}
    return Place(settings.database_path.name, settings.dbt.name, {row[0]: row[1] for row in status}, built)
