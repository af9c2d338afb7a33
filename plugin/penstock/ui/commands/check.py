"""`penstock check`, by dbt's name `penstock test`: tests and checks only; and waivers of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from penstock.app.build import Report, Stopper, build_project
from penstock.app.gateway import DbtGateway
from penstock.app.planning import Planned
from penstock.app.reading import reading
from penstock.app.runs import utc_now
from penstock.app.waivers import waive as waive_checks
from penstock.assets.redact import redact
from penstock.errors import EXIT_OK, ConfigError
from penstock.plan.names import display
from penstock.ui.commands.selected import warn_empty
from penstock.ui.options import (
    console_of,
    output_options,
    partition_options,
    place_options,
    run_options,
    select_options,
    settings_of,
    wanted_of,
    warn_error_option,
)
from penstock.ui.run_lines import RunLines, exit_code, show_report
from penstock.ui.signals import stopping_on_signals


def _check_options(command: Any) -> Any:
    for option in (
        run_options,
        warn_error_option,
        click.option("--store-failures", is_flag=True, help="Keep the rows that fail a dbt test in a table, as dbt does."),
        click.option(
            "--limit",
            type=click.IntRange(min=0),
            default=3,
            show_default=True,
            help="Failing rows to show of each test, in the report too.",
        ),
        click.option("--output", type=click.Choice(["table", "json"]), default="table", help="json: all results on stdout."),
        click.option("--junit", default="", metavar="FILE", help="Write the results as JUnit XML too."),
        output_options,
        place_options,
        select_options,
        partition_options,
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@_check_options
@click.pass_context
def check(context: click.Context, /, **options: Any) -> int:
    """Run tests and checks on what stands, whether due or not.

    They look at whole tables, with --partition at these partitions. `check waive` and `check waivers` are about checks that may fail.
    """
    return EXIT_OK if context.invoked_subcommand is not None else _check(options)


@click.command()
@_check_options
def test(**options: Any) -> int:
    """Run tests and checks: dbt's name for penstock check."""
    return _check(options)


def _check(options: dict[str, Any]) -> int:
    console = console_of(options)
    limit, output, junit = options.pop("limit"), options.pop("output"), options.pop("junit")
    settings = settings_of(options)
    wanted = wanted_of(options, "check", force=True, builds=False, fail_fast=options["fail_fast"], store_failures=options["store_failures"])
    stop = Stopper()

    def sink_for(planned: Planned) -> RunLines:
        warn_empty(console, planned)
        console.line(f"{len(planned.plan.rows)} tests and checks selected (target {settings.profile.name})")
        return RunLines(console, planned)

    with stopping_on_signals(stop, console):
        report = build_project(settings, wanted, sink_for, console.line, stop)
    show_report(console, report, samples=limit)
    if output == "json":
        console.json([_result(outcome, limit) for outcome in report.outcomes])
    if junit:
        _write(junit, _junit(report, limit))
    return exit_code(console, report, "penstock check")


def _result(outcome: Any, limit: int) -> dict[str, Any]:
    return {
        "check": outcome.asset.key, "name": outcome.asset.name, "asset": outcome.asset.test.attached_node if outcome.asset.test else "",
        "partition": outcome.partition, "status": outcome.status.value, "failures": outcome.failures, "total": outcome.total,
        "message": outcome.message, "seconds": outcome.seconds, "samples": list(outcome.samples[:limit]),
    }  # fmt: skip


def _junit(report: Report, limit: int) -> str:
    from penstock.plan.verdict import CheckOutcome
    from penstock.ui.reports.junit import junit_checks

    return junit_checks([
        CheckOutcome(
            outcome.asset.name, outcome.asset.test.attached_node if outcome.asset.test else "", outcome.status.value, outcome.failures,
            redact(outcome.message), outcome.seconds, tuple(map(_row, outcome.samples[:limit])),
        )
        for outcome in report.outcomes
    ])  # fmt: skip


def _row(sample: str) -> Mapping[str, Any]:
    """Return a failing row by column; what a redacted number leaves behind is no JSON."""
    try:
        row: Mapping[str, Any] = json.loads(sample)
    except ValueError:
        return {"row": sample}
    return row


def _write(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--junit cannot write {file}: {error.strerror}", hint="Name a file in a folder that exists.") from error


@check.command()
@click.argument("name")
@click.option("--until", required=True, metavar="DATE", help="The first day (or time, UTC) on which it counts again.")
@click.option("--reason", required=True, help="Why it may fail until then.")
@output_options
@place_options
def waive(name: str, until: str, reason: str, **options: Any) -> int:
    """Let the test or check NAME fail until a day: what it finds is a warning, and what it held back may go on.

    A day that is past takes the waiver back.
    """
    console = console_of(options)
    now = utc_now()
    day = _day(until)
    if not reason.strip():
        raise ConfigError("--reason is empty", hint="Say why it may fail: others will read it.")
    settings = settings_of(options)
    gateway = DbtGateway(settings, console.line)
    try:
        found = waive_checks(settings, gateway, name, day, reason, now)
    finally:
        gateway.close()
    for key in found:
        console.line(
            f"{'Waived' if day > now else 'No longer waived:'} {_said(key)}{f' until {day:%Y-%m-%d %H:%M} UTC' if day > now else ''}"
        )
    return EXIT_OK


@check.command()
@click.option("--output", type=click.Choice(["table", "json"]), default="table")
@output_options
@place_options
def waivers(output: str, **options: Any) -> int:
    """List the waivers that hold now."""
    console = console_of(options)
    now = utc_now()
    with reading(settings_of(options)) as state:
        rows = [row for row in state.query("current_waivers") if row[1] > now]
    if output == "json":
        console.json([{"check": key, "until": until, "reason": reason} for key, until, reason in rows])
    else:
        console.table(("check", "until (UTC)", "reason"), [(_said(key), f"{until:%Y-%m-%d %H:%M}", reason) for key, until, reason in rows])
    return EXIT_OK


def _said(key: str) -> str:
    """Return a check as people say it, with the asset that it looks at."""
    parts = key.split(".", 2)
    return f"{parts[1]} on {display(parts[2])}" if parts[0] == "check" and len(parts) == 3 else display(key)


def _day(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--until does not understand `{text}`", hint="Use a date such as 2026-12-31.") from error
    if found.tzinfo is not None:
        from datetime import UTC

        found = found.astimezone(UTC).replace(tzinfo=None)
    return found
