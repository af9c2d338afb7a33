"""`penstock plan`: what build would do, and why."""

from __future__ import annotations

from typing import Any

import click

from penstock.app.compiled import CompiledQueries
from penstock.app.explain import explain, statements_of
from penstock.app.gateway import DbtGateway
from penstock.app.planning import Planned, plan_project
from penstock.errors import EXIT_FAILED, EXIT_OK
from penstock.plan.planner import PlanRow
from penstock.plan.reasons import Decision
from penstock.ui.commands.selected import warn_empty
from penstock.ui.console import Console
from penstock.ui.names import ranges, short
from penstock.ui.options import (
    FULL_REFRESH_ENV,
    console_of,
    defer_options,
    output_options,
    partition_options,
    place_options,
    select_options,
    settings_of,
    wanted_of,
)
from penstock.ui.partition_cost import expected

_STYLES = {Decision.BUILD: "green", Decision.MAYBE: "yellow", Decision.BLOCKED: "red", Decision.REUSE: "dim"}


@click.command()
@click.option("-v", "--verbose", is_flag=True, help="Show every row, and which executor runs it and why.")
@click.option("--why", default="", metavar="NODE", help="Show the whole argument for one asset.")
@click.option("--sql", is_flag=True, help="Show the SQL of what is due.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table")
@click.option("--fail-if-work", is_flag=True, help="End with code 1 when something is due.")
@click.option("--force", is_flag=True, help="As if built with --force.")
@click.option("-f", "--full-refresh", is_flag=True, envvar=FULL_REFRESH_ENV, help="As if built with --full-refresh.")
@click.option("--verify", is_flag=True, help="As if built with --verify.")
@click.option("--executor", type=click.Choice(["auto", "native", "dbt"]), default="auto")
@click.option("--wait", is_flag=True, help="Wait until the database is free.")
@output_options
@place_options
@select_options
@partition_options
@defer_options
def plan(verbose: bool, why: str, sql: bool, output: str, fail_if_work: bool, **options: Any) -> int:
    """Show what `build` would do, and why; nothing is executed."""
    console = console_of(options)
    settings = settings_of(options)
    wanted = wanted_of(options, "plan")
    gateway = DbtGateway(settings, console.note)
    try:
        planned = plan_project(settings, wanted, gateway)
        warn_empty(console, planned)
        if sql:
            _show_sql(console, planned, CompiledQueries(settings.work / "compiled.json", gateway))
    finally:
        gateway.close()
    if why:
        console.data("\n".join(explain(planned, why)))
    elif output == "json":
        console.json([entry for row in planned.plan.rows for entry in _as_json(planned, row)])
    elif not sql:
        _show(console, planned, verbose=verbose)
    return EXIT_FAILED if fail_if_work and planned.plan.count(Decision.BUILD) else EXIT_OK


def _show_sql(console: Console, planned: Planned, queries: CompiledQueries) -> None:
    for row in planned.plan.with_decision(Decision.BUILD):
        console.data(f"-- {row.asset}")
        for statement in statements_of(planned, row, queries):
            console.data(f"{statement};\n")


def _as_json(planned: Planned, row: PlanRow) -> list[dict[str, Any]]:
    """Return an entry for an asset, or one for each reason for which partitions of it are due."""
    asset = planned.graph.assets[row.id]
    entry = {
        "asset": row.asset,
        "name": short(asset),
        "partition": "",
        "decision": row.decision.value,
        "reason": row.reason.value,
        "detail": row.detail,
        "executor": planned.executor(asset),
        "executor_because": list(planned.obstacles(asset)),
    }
    return [
        {**entry, "partition": str(due.partitions), "partitions": len(due.partitions), "reason": due.reason.value, "detail": due.detail}
        for due in row.slices
    ] or [entry]


def _show(console: Console, planned: Planned, *, verbose: bool) -> None:
    rows = planned.plan.rows
    counts = {decision: planned.plan.count(decision) for decision in Decision}
    words = {Decision.BUILD: "to build", Decision.MAYBE: "maybe", Decision.BLOCKED: "blocked", Decision.REUSE: "reused"}
    summary = ", ".join(f"{counts[decision]} {word}" for decision, word in words.items())
    console.data(f"Plan for target={planned.settings.profile.name}  {summary}            (nothing was executed)")
    shown = [row for row in rows if verbose or row.decision is not Decision.REUSE]
    lines = [(row, cells) for row in shown for cells in _cells(planned, row, verbose=verbose)]
    widths = [max((len(cells[column]) for _, cells in lines), default=0) for column in range(3)]
    for row, cells in lines:
        head = console.styled(f"{cells[0]:<7}", _STYLES[row.decision])
        console.data(f"{head} {cells[1]:<{widths[1]}}  {cells[2]:<{widths[2]}}  {cells[3]}".rstrip())
    hidden = len(rows) - len(shown)
    if hidden:
        console.data(f"{console.styled('REUSE  ', 'dim')} {hidden} {'other' if hidden == 1 else 'others'}  use --why NODE or -v")


def _cells(planned: Planned, row: PlanRow, *, verbose: bool) -> list[tuple[str, str, str, str]]:
    """Return the cells of an asset's line, or of one for each reason for which partitions of it are due."""
    asset = planned.graph.assets[row.id]
    what = asset.kind.value if asset.is_test else asset.materialized
    because = ", ".join(planned.obstacles(asset))
    executor = f"  [{planned.executor(asset)}{f': {because}' if because else ''}]" if verbose else ""
    if not row.slices:
        return [(row.decision.value, short(asset), what, f"{_because(row.reason.value, row.detail)}{executor}")]
    cost = planned.facts.state.partition_costs.get(row.asset)
    found = []
    for due in row.slices:
        count = len(due.partitions)
        about = ", about {} rows in {}".format(*expected(cost, count)) if cost is not None else ""
        words = f"  ({count:,} partition{'s' if count > 1 else ''}{about})" if count > 1 or about else ""
        found.append(
            (row.decision.value, short(asset), ranges(due.partitions), f"{_because(due.reason.value, due.detail)}{words}{executor}")
        )
    return found


def _because(reason: str, detail: str) -> str:
    first = detail.split("\n", maxsplit=1)[0]
    return f"{reason}: {first}" if first else reason
