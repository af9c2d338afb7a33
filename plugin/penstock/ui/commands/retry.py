"""`penstock retry`: what a run left undone, built from any process."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import click

from penstock.app.build import Stopper, build_project
from penstock.app.planning import Planned
from penstock.app.retry import RunLeft, left_by
from penstock.app.settings import Settings, discover
from penstock.errors import EXIT_OK
from penstock.plan.names import display, few
from penstock.ui.console import Console
from penstock.ui.options import console_of, output_options, place_options, run_options, settings_of
from penstock.ui.run_lines import RunLines, exit_code, show_report
from penstock.ui.signals import stopping_on_signals


@click.command()
@click.argument("run", default="")
@run_options
@output_options
@place_options
def retry(run: str, **options: Any) -> int:
    """Build what failed, was skipped, crashed or was cancelled in RUN, the last run where no ID is given (its start is enough).

    The state tables alone say what that is, so any process can do it. Of partitions, those that were not done are built, on the
    run's target, with --force or --full-refresh where the run had them.
    """
    console = console_of(options)
    executor, wait, fail_fast = options.pop("executor"), options.pop("wait"), options.pop("fail_fast")
    settings = settings_of(options)
    left = left_by(settings, run)
    if not left.undone:
        console.line(f"Run {left.run_id} ({left.status}) left nothing to retry.")
        return EXIT_OK
    settings = _on_target(settings, left.target)
    _announce(console, left, settings)
    wanted = left.wanted(executor=executor, wait_seconds=-1 if wait else 0, fail_fast=fail_fast)
    stop = Stopper()

    def sink_for(planned: Planned) -> RunLines:
        gone = [key for key in wanted.keys if key not in planned.project.graph]
        if gone:
            console.warning(f"no longer in the project, and left out: {few(gone)}.")
        return RunLines(console, planned)

    with stopping_on_signals(stop, console):
        report = build_project(settings, wanted, sink_for, console.line, stop)
    show_report(console, report)
    return exit_code(console, report, "penstock retry")


def _on_target(settings: Settings, target: str) -> Settings:
    """Return the settings of the run's target, unless the user names one."""
    if settings.place.target or target == settings.profile.name:
        return settings
    return discover(dataclasses.replace(settings.place, target=target), Path.cwd(), os.environ)


def _announce(console: Console, left: RunLeft, settings: Settings) -> None:
    assets = len({step.asset for step in left.undone})
    console.line(f"Retrying {assets} assets and tests of run {left.run_id} ({left.status}; target {settings.profile.name})")
    for status, found in left.by_status:
        words = [f"{display(key)} ({count} partitions)" if count else key for key, count in found.items()]
        console.line(f"  {status}: {few(words)}")
