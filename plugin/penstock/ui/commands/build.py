"""`penstock build` and `penstock run`."""

from __future__ import annotations

from typing import Any

import click

from penstock.app.build import Stopper, build_project
from penstock.app.planning import Planned
from penstock.plan.reasons import Decision
from penstock.ui.commands.selected import warn_empty
from penstock.ui.options import (
    FULL_REFRESH_ENV,
    console_of,
    defer_options,
    max_partitions_option,
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


def _build_options(command: Any) -> Any:
    for option in (
        run_options,
        click.option(
            "-f",
            "--full-refresh",
            is_flag=True,
            envvar=FULL_REFRESH_ENV,
            help="Build incremental models and seeds anew.",
        ),
        click.option("--verify", is_flag=True, help="Compare all content with what was recorded, not only rows and columns."),
        click.option("--force", is_flag=True, help="Build the selection even where nothing is due."),
        output_options,
        place_options,
        select_options,
        partition_options,
        max_partitions_option,
        defer_options,
    ):
        command = option(command)
    return command


@click.command()
@click.option("--no-checks", is_flag=True, help="Leave tests out.")
@warn_error_option
@click.option("--store-failures", is_flag=True, help="Keep the rows that fail a test in a table, as dbt does.")
@_build_options
def build(no_checks: bool, store_failures: bool, **options: Any) -> int:
    """Bring the selection up to date: ingestion, seeds, snapshots, models, tests.

    Only what is due is built; every decision has a reason (see `penstock plan`).
    """
    return _build("build", options, checks=not no_checks, store_failures=store_failures)


@click.command()
@_build_options
def run(**options: Any) -> int:
    """Bring the selection up to date without running tests."""
    return _build("run", options, checks=False, store_failures=False)


def _build(command: str, options: dict[str, Any], *, checks: bool, store_failures: bool) -> int:
    console = console_of(options)
    settings = settings_of(options)
    fail_fast = options["fail_fast"]
    limit = options["max_partitions"]
    wanted = wanted_of(options, command, checks=checks, fail_fast=fail_fast, store_failures=store_failures, max_partitions=limit)
    stop = Stopper()

    def sink_for(planned: Planned) -> RunLines:
        warn_empty(console, planned)
        plan = planned.plan
        counted = ((Decision.BUILD, "to build"), (Decision.MAYBE, "maybe"), (Decision.REUSE, "reused"))
        counts = ", ".join(f"{plan.count(decision)} {words}" for decision, words in counted)
        console.line(f"{len(plan.rows)} assets and tests selected: {counts} (target {settings.profile.name})")
        return RunLines(console, planned)

    with stopping_on_signals(stop, console):
        report = build_project(settings, wanted, sink_for, console.line, stop)
    show_report(console, report)
    return exit_code(console, report, f"penstock {command}")
