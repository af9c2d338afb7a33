"""`penstock runs`: what earlier runs did."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

from penstock.app.holding import cancel_run
from penstock.app.reading import reading
from penstock.app.runs import utc_now
from penstock.errors import ConfigError
from penstock.plan.names import display
from penstock.ui.options import console_of, output_options, place_options, settings_of

_COLUMNS = ("run_id", "started_at", "finished_at", "status", "command", "built", "reused", "failed", "skipped", "git_sha")
_STEP_COLUMNS = (
    "asset", "partition", "decision", "reason", "status", "started_at", "finished_at", "rows", "detail", "error", "executor",
)  # fmt: skip
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.group(invoke_without_command=True)
@click.option("--since", default="", metavar="AGE", help="Only runs younger than this: 30m, 12h, 7d, 2w, or a date.")
@click.option("--failed", is_flag=True, help="Only runs that did not succeed.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--output", type=click.Choice(["table", "json"]), default="table")
@output_options
@place_options
@click.pass_context
def runs(context: click.Context, /, since: str, failed: bool, limit: int, output: str, **options: Any) -> int:
    """Show what earlier runs did: `runs`, `runs show ID`, `runs logs ID NODE`; stop one: `runs cancel`."""
    if context.invoked_subcommand is not None:
        return 0
    console = console_of(options)
    with reading(settings_of(options)) as state:
        rows = state.query("show_runs", {"since": _since(since), "failed_only": failed, "limit": limit})
    if output == "json":
        console.json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    else:
        console.table(
            ("run", "started (UTC)", "took", "status", "command", "built", "reused", "failed", "skipped", "commit"),
            [
                (row[0], f"{row[1]:%Y-%m-%d %H:%M:%S}", _took(row[1], row[2]), *row[3:5], *map(_count, row[5:9]), str(row[9])[:8])
                for row in rows
            ],
        )
    return 0


@runs.command()
@click.argument("run", default="")
@click.option("--output", type=click.Choice(["table", "json"]), default="table")
@output_options
@place_options
def show(run: str, output: str, **options: Any) -> int:
    """Show the steps of one run, the latest where no ID is given (the start of an ID is enough)."""
    console = console_of(options)
    with reading(settings_of(options)) as state:
        found = state.find_run(run)
        steps = state.query("show_steps", {"run_id": found[0]})
    if output == "json":
        console.json({"run_id": found[0], "status": found[3], "steps": [dict(zip(_STEP_COLUMNS, row, strict=True)) for row in steps]})
        return 0
    console.data(f"Run {found[0]}: {found[3]}, {found[4]} {found[11]}".rstrip() + f", started {found[1]:%Y-%m-%d %H:%M:%S} UTC")
    rows = [(display(step[0]), *step[1:5], _took(step[5], step[6]), _count(step[7]), step[10]) for step in steps]
    console.table(("asset", "partition", "decision", "reason", "status", "took", "rows", "executor"), rows)
    return 0


@runs.command()
@click.argument("run", default="")
@click.option("--now", "at_once", is_flag=True, help="Roll back what runs, instead of letting it finish.")
@output_options
@place_options
def cancel(run: str, at_once: bool, **options: Any) -> int:
    """Stop the run that is going on on this machine; what runs may finish within 30 seconds (the start of its ID is enough)."""
    console = console_of(options)
    holder = cancel_run(settings_of(options), run, at_once=at_once)
    console.line(f"Asked {holder} to stop. `penstock retry` goes on with it.")
    return 0


@runs.command()
@click.argument("run")
@click.argument("node")
@output_options
@place_options
def logs(run: str, node: str, **options: Any) -> int:
    """Show everything recorded of one asset in one run."""
    console = console_of(options)
    with reading(settings_of(options)) as state:
        found = state.find_run(run)
        steps = [row for row in state.query("show_steps", {"run_id": found[0]}) if node in _names(row[0])]
        checks = [row for row in state.query("show_checks", {"run_id": found[0]}) if node in _names(row[0])]
    if not steps:
        raise ConfigError(f"run {found[0]} says nothing of `{node}`", hint=f"See `penstock runs show {found[0]}`.")
    for row in steps:
        for name, value in zip(_STEP_COLUMNS, row, strict=True):
            if value not in (None, ""):
                console.data(f"{name:<12} {value}")
    for row in checks:
        console.data(f"{'result':<12} {row[2]} ({row[4]} failures) {row[5]}")
    return 0


def _names(key: str) -> tuple[str, ...]:
    return key, display(key), key.rsplit(".", maxsplit=1)[-1], key.split(".")[2] if key.count(".") > 1 else key


def _since(text: str) -> datetime:
    if not text:
        return datetime.fromisoformat("1970-01-01")
    age = re.fullmatch(r"(\d+)([mhdw])", text)
    if age:
        return utc_now() - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--since does not understand `{text}`", hint="Use 30m, 12h, 7d, 2w or a date such as 2024-03-01.") from error


def _took(start: datetime | None, end: datetime | None) -> str:
    return f"{(end - start).total_seconds():.2f}s" if start is not None and end is not None else ""


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
