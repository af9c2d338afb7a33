"""`penstock status`: last builds and open failures, worst first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from penstock.app.reading import reading
from penstock.app.runs import utc_now
from penstock.app.settings import Settings
from penstock.assets.freshness import ERROR, WARN
from penstock.errors import EXIT_FAILED, EXIT_OK, SelectionError
from penstock.plan.names import display
from penstock.state.freshness import Lateness
from penstock.ui.console import Console
from penstock.ui.heatmap import Cell, heatmap
from penstock.ui.options import console_of, output_options, place_options, settings_of

_BAD = ("failed", "never_built", "stale")
_STYLES = {"failed": "red", "never_built": "yellow", "stale": "yellow", "fresh": "green"}
_LATE_FIRST = {ERROR: 0, WARN: 1}
_LATE_WORDS = {ERROR: "ERROR: ", WARN: "WARN: "}
_FAILURE_COLUMNS = ("check", "asset", "status", "failures", "message", "checked_at")
_PARTITION_COLUMNS = ("partition", "start", "end", "status", "run_id", "rows", "committed_at")
_COLUMNS = ("asset", "relation", "kind", "status", "reason", "last_built_at", "rows", "detail", "owner", "path")


@click.command()
@click.option("--output", type=click.Choice(["table", "json"]), default="table")
@click.option(
    "--strict", is_flag=True, help="End with code 1 when anything is failed, stale or never built, or late beyond its `error_after`."
)
@click.option("--all", "everything", is_flag=True, help="Also what Penstock does not build.")
@click.option("--partitions", "node", default="", metavar="NODE", help="Show every partition of one asset: held, missing, failed, waiting.")
@click.option("--columns", "columns_of", default="", metavar="NODE", help="Show the columns of one asset, and since when each is as it is.")
@output_options
@place_options
def status(output: str, strict: bool, everything: bool, node: str, columns_of: str, **options: Any) -> int:
    """Show last builds, freshness and open failures; worst first: what is late, what failed, what is stale.

    This is what the state tables say of the last recorded graph; what has changed since on disk, `penstock plan` tells.
    """
    console = console_of(options)
    settings = settings_of(options)
    now = utc_now()
    if node:
        return _one_by_one(console, settings, node, output)
    if columns_of:
        return _columns(console, settings, columns_of, output)
    with reading(settings) as state:
        late = state.lateness(now)
        rows = [row for row in state.query("show_status") if everything or row[0] in late or row[3] not in ("external", "ephemeral")]
        failures = state.query("show_check_failures")
        partitions = {row[0]: row for row in state.query("show_partitions")}
    rows.sort(key=lambda row: _LATE_FIRST.get(late[row[0]].status, 2) if row[0] in late else 2)
    bad = [row for row in rows if row[3] in _BAD or (row[0] in late and late[row[0]].status == ERROR)]
    if output == "json":
        console.json(
            {
                "assets": [dict(zip(_COLUMNS, row, strict=True)) | _late_json(late.get(row[0])) for row in rows],
                "failures": [dict(zip(_FAILURE_COLUMNS, row, strict=True)) for row in failures],
            }
        )
    else:
        _show(console, rows, late, partitions, now)
        for row in failures:
            message = str(row[4]).split("\n")[0]
            where = f" on {display(row[1])}" if row[1] else ""
            console.data(console.styled(f"{row[2]}: {display(row[0])}{where}: {message}", "red"))
    return EXIT_FAILED if strict and (bad or any(row[2] in ("fail", "error") for row in failures)) else EXIT_OK


def _columns(console: Console, settings: Settings, node: str, output: str) -> int:
    with reading(settings) as state:
        found = state.columns_of(state.find_asset(node))
    if not found:
        raise SelectionError(f"no columns of `{node}` are on record", hint="They are recorded when it is built.")
    if output == "json":
        console.json([dataclasses.asdict(one) for one in found])
    else:
        rows = [(one.column, one.data_type, one.change, one.before or "", _second(one.at), one.run_id) for one in found]
        console.table(("column", "type", "change", "before", "since (UTC)", "run"), rows)
    return EXIT_OK


def _second(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at is not None else ""


def _one_by_one(console: Console, settings: Settings, node: str, output: str) -> int:
    with reading(settings) as state:
        asset = state.find_asset(node)
        rows = state.query("show_partitions_of", {"asset": asset})
    if not rows:
        raise SelectionError(f"`{node}` has no partitions on record", hint="See `penstock status`.")
    if output == "json":
        console.json([dict(zip(_PARTITION_COLUMNS, row, strict=True)) for row in rows])
    else:
        for line in heatmap(display(asset), [Cell(*row[:4]) for row in rows], console.styled):
            console.data(line)
    return EXIT_OK


def _show(
    console: Console, rows: Sequence[tuple[Any, ...]], late: Mapping[str, Lateness], partitions: dict[str, tuple[Any, ...]], now: datetime
) -> None:
    """Show a line for each asset; how old its data is only where any asset says how old it may be."""
    cells = [
        [display(row[0]), row[3], row[4], _ago(row[5], now), _rows(row, partitions), display(str(row[7]).split("\n")[0])] for row in rows
    ]
    columns = ["asset", "status", "reason", "last built", "rows", "detail"]
    if late:
        columns.insert(4, "data as of")
        for row, cell in zip(rows, cells, strict=True):
            cell.insert(4, _age(late.get(row[0]), row[0], now))
    console.table(columns, cells)
    counts = {word: sum(1 for row in rows if row[3] == word) for word in (*_BAD, "fresh")}
    counts |= {"late": sum(1 for age in late.values() if age.status in _LATE_FIRST)}
    console.data("")
    console.data(", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.items() if count))


def _age(late: Lateness | None, asset: str, now: datetime) -> str:
    if late is None:
        return ""
    age = _ago(late.loaded_at, now) or ("unknown" if late.status == "unknown" else "no rows")
    because = f" ({display(late.oldest_input)})" if late.oldest_input and late.oldest_input != asset else ""
    return f"{_LATE_WORDS.get(late.status, '')}{age}{because}"


def _late_json(late: Lateness | None) -> dict[str, Any]:
    if late is None:
        return {"late": "", "data_loaded_at": None, "oldest_input": None}
    return {"late": late.status, "data_loaded_at": late.loaded_at, "oldest_input": late.oldest_input}


def _rows(row: tuple[Any, ...], partitions: dict[str, tuple[Any, ...]]) -> str:
    if row[0] in partitions:
        _, held, failed, first, last, missing, waiting = partitions[row[0]]
        others = ((failed, "failed"), (missing, "missing"), (waiting, "waiting"))
        words = [f"{held} partitions{f' {first}..{last}' if held else ''}", *(f"{count} {word}" for count, word in others if count)]
        return ", ".join(words)
    return "" if row[6] is None else f"{row[6]:,}"


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    seconds = int((now - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{max(0, seconds)} s ago"
