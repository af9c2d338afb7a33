"""`penstock backfill`: a range of partitions as one resumable unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from penstock.app.backfill import UNBOUNDED, asked_for, begin_backfill, cancel_backfill, list_backfills, resume_backfill, wanted_to_resume
from penstock.app.build import Stopper
from penstock.app.gateway import DbtGateway
from penstock.app.planning import Planned, Wanted, plan_project
from penstock.app.settings import Settings
from penstock.assets.asset import Asset
from penstock.assets.partition_range import PartitionRange
from penstock.errors import EXIT_FAILED, EXIT_OK, SelectionError
from penstock.ui.commands.selected import warn_empty
from penstock.ui.console import Console
from penstock.ui.names import ranges, short
from penstock.ui.options import (
    console_of,
    output_options,
    partition_options,
    place_options,
    run_options,
    select_options,
    settings_of,
    wanted_of,
)
from penstock.ui.partition_cost import expected
from penstock.ui.run_lines import RunLines, dotted, exit_code, show_report
from penstock.ui.signals import stopping_on_signals


@click.command()
@click.option("--order", type=click.Choice(["oldest", "newest"]), default="oldest", show_default=True, help="Which partitions come first.")
@click.option("--max-active", type=click.IntRange(min=1), default=1, show_default=True, help="How many partitions of an asset at once.")
@click.option("--dry-run", is_flag=True, help="Count what would be built; nothing is executed.")
@click.option("--force", is_flag=True, help="Build every partition of the range, held and current ones too.")
@click.option(
    "--resume", default=None, is_flag=False, flag_value="", metavar="[ID]", help="Go on with a backfill, the latest where no ID is given."
)
@click.option(
    "--cancel", default=None, is_flag=False, flag_value="", metavar="[ID]", help="End a backfill, also one that another process runs."
)
@click.option("--list", "listed", is_flag=True, help="List backfills.")
@click.option("--no-checks", is_flag=True, help="Leave tests out.")
@run_options
@output_options
@place_options
@select_options
@partition_options
def backfill(**options: Any) -> int:
    """Build a range of partitions as one unit that any process can go on with: only what is due in it, what reads it follows.

    Every partition is published with its record; what was done is never done again, however the backfill ended.
    """
    console = console_of(options)
    settings = settings_of(options)
    if options["listed"]:
        return _list(console, settings)
    if options["cancel"] is not None:
        found, told = cancel_backfill(settings, options["cancel"])
        console.note(f"Backfill {found.id} is cancelled{' and its process told to stop' if told else ''}.")
        return EXIT_OK
    wanted = wanted_of(
        options, "backfill", checks=not options["no_checks"], fail_fast=options["fail_fast"], newest_first=options["order"] == "newest",
        max_active=options["max_active"], max_partitions=UNBOUNDED,
    )  # fmt: skip
    if options["resume"] is None and not wanted.partitions:
        raise SelectionError("a backfill needs --partition", hint="For example --partition day=2024-01-01..2024-01-31.")
    if options["dry_run"]:
        resumed = options["resume"]
        return _count(console, settings, wanted if resumed is None else wanted_to_resume(settings, wanted, resumed)[1])
    return _run(console, settings, wanted, options["resume"])


def _run(console: Console, settings: Settings, wanted: Wanted, resume: str | None) -> int:
    stop = Stopper()

    def sink_for(planned: Planned) -> RunLines:
        warn_empty(console, planned)
        rows = [row for row in asked_for(planned) if row[1]]
        assets = len({asset for asset, _ in rows})
        many = f"{len(rows):,} partition{'s' if len(rows) != 1 else ''} of {assets} asset{'s' if assets != 1 else ''}"
        words = "newest" if planned.wanted.newest_first else "oldest"
        at_once = f", {planned.wanted.max_active} at a time" if planned.wanted.max_active > 1 else ""
        console.line(f"Backfill of {many}, {words} first{at_once} (target {settings.profile.name})")
        return RunLines(console, planned)

    stop.on_partitions = _Progress(console)
    with stopping_on_signals(stop, console):
        if resume is None:
            backfill_id, report = begin_backfill(settings, wanted, sink_for, console.line, stop)
        else:
            backfill_id, report = resume_backfill(settings, wanted, resume, sink_for, console.line, stop)
    show_report(console, report)
    again = f"penstock backfill --resume {backfill_id}"
    code = exit_code(console, report, again)
    if code == EXIT_FAILED:
        console.note(f"Go on with: {again}")
    return code


class _Progress:
    """A line for each range of partitions that is done."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, asset: Asset, part: PartitionRange, problem: str, place: int, total: int) -> None:
        left = f"  {place} of {total} {short(asset)} {part}"
        self._console.line(dotted(left, "ERROR" if problem else "OK"), "red" if problem else "")


def _count(console: Console, settings: Settings, wanted: Wanted) -> int:
    gateway = DbtGateway(settings, console.note)
    try:
        planned = plan_project(settings, replace(wanted, command="plan"), gateway)
    finally:
        gateway.close()
    warn_empty(console, planned)
    rows = []
    for row in planned.plan.rows:
        if row.slices:
            count = sum(len(due.partitions) for due in row.slices)
            cost = planned.facts.state.partition_costs.get(row.asset)
            words = expected(cost, count) if cost is not None else ("", "")
            due = row.slices[0].partitions
            for one in row.slices[1:]:
                due = due.union(one.partitions)
            rows.append((short(planned.graph.assets[row.id]), f"{count:,}", ranges(due), *words))
    console.table(("asset", "partitions", "ranges", "rows", "time"), rows)
    touched = sum(1 for _, partition in asked_for(planned) if partition) - sum(int(row[1].replace(",", "")) for row in rows)
    console.data(f"Nothing was executed.{f' Up to {touched:,} partitions downstream may follow.' if touched else ''}")
    return EXIT_OK


def _list(console: Console, settings: Settings) -> int:
    rows = [
        (one.id, f"{one.requested_at:%Y-%m-%d %H:%M:%S}", one.selection, f"{one.partitions:,}", f"{one.built:,}", one.status)
        for one in list_backfills(settings)
    ]
    console.table(("backfill", "requested (UTC)", "selection", "partitions", "built", "status"), rows)
    return EXIT_OK
