"""`penstock diff`: what a change means."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from penstock.app.diff import DiffWish, difference
from penstock.errors import EXIT_FAILED, EXIT_OK
from penstock.plan.difference import Category, Difference
from penstock.ui.console import Console
from penstock.ui.options import console_of, output_options, place_options, select_options, selection_of, settings_of


@click.command()
@click.argument("base", default="")
@click.option("--output", type=click.Choice(["table", "md", "json"]), default="table")
@click.option(
    "--fail-on",
    type=click.Choice([category.value for category in Category]),
    default=None,
    help="End with code 1 for this category or a worse one.",
)
@click.option(
    "--base-target", default="", metavar="TARGET", help="Read the base for this target; without BASE, this project as it is there."
)
@click.option("--data", is_flag=True, help="Compare rows too, of what the changes reach or what is selected.")
@click.option(
    "--key", multiple=True, metavar="COLUMNS", help="Columns by which rows are paired; else unique_key, or a column tested unique."
)
@click.option("--base-schema", default="", metavar="SCHEMA", help="The base's rows stand in this schema.")
@click.option("--base-database", default="", metavar="FILE", help="The base's rows stand in this DuckDB file.")
@output_options
@place_options
@select_options
def diff(base: str, output: str, fail_on: str | None, **options: Any) -> int:
    """Show what a change means, and what it reaches.

    BASE is a git ref or a manifest.json, else the main branch. Worst first: breaking, unknown, non_breaking, additive, cosmetic.
    """
    console = console_of(options)
    settings = settings_of(options)
    key = tuple(name for text in options.pop("key") for name in text.replace(",", " ").split())
    wish = DiffWish(**selection_of(options), key=key, **options)
    found = difference(settings, base, console.note, wish)
    for problem in found.problems:
        console.warning(f"{problem}.")
    if output == "json":
        console.json(as_json(found))
    elif output == "md":
        from penstock.ui.diff_markdown import markdown

        console.data(markdown(found).rstrip("\n"))
    else:
        _show(console, found)
    failed = fail_on is not None and found.worst is not None and found.worst.at_least(Category(fail_on))
    return EXIT_FAILED if failed else EXIT_OK


def as_json(found: Difference) -> dict[str, Any]:
    """Return a difference as values that JSON has; `worst` is the worst category, null where nothing differs."""
    return {"worst": found.worst, **dataclasses.asdict(found)}


def _show(console: Console, found: Difference) -> None:
    from penstock.ui.diff_lines import lines_of

    console.data("\n".join(lines_of(found, console.styled)))
