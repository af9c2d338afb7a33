"""`penstock freshness`: how old the sources are."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import click

from penstock.app.atomic import write_atomically
from penstock.app.freshness import FreshnessReport, check_freshness, sources_document
from penstock.app.planning import Wanted
from penstock.assets.asset import Asset
from penstock.assets.freshness import ERROR, PASS, RUNTIME_ERROR, WARN, SourceAge
from penstock.errors import EXIT_FAILED, EXIT_OK, ConfigError
from penstock.ui.commands.selected import warn_unmatched
from penstock.ui.console import Console
from penstock.ui.names import short
from penstock.ui.options import console_of, output_options, place_options, select_options, selection_of, settings_of
from penstock.ui.run_lines import dotted

_WORDS = {PASS: "PASS", WARN: "WARN", ERROR: "ERROR STALE", RUNTIME_ERROR: "ERROR"}
_STYLES = {PASS: "green", WARN: "yellow", ERROR: "red", RUNTIME_ERROR: "red"}


@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, metavar="FILE",
              help="Where dbt's sources.json goes; otherwise into the target folder.")  # fmt: skip
@click.option("--wait", is_flag=True, help="Wait until the database is free instead of ending with code 3.")
@output_options
@place_options
@select_options
def freshness(output: Path | None, wait: bool, **options: Any) -> int:
    """Ask the warehouse when each source was last loaded, compare with `warn_after` and `error_after`, and record it.

    What dbt asks, with dbt's verdicts and exit code: 1 when a source is older than its `error_after` or cannot be asked.
    A source that an ingestion file loads and that names no field was loaded when that file was last committed.
    """
    console = console_of(options)
    settings = settings_of(options)
    wanted = Wanted(**selection_of(options), command="freshness", wait_seconds=-1 if wait else 0)

    def show(number: int, total: int, asset: Asset, age: SourceAge) -> None:
        word = _WORDS[age.status]
        values = {"asset": asset.key, "status": age.status, "max_loaded_at": age.max_loaded_at, "age": age.age, "seconds": age.seconds}
        line = dotted(f"{number} of {total} {word} freshness of {short(asset)}", f"{word} in {age.seconds:.2f}s")
        console.event("source_asked", values, line, _STYLES[age.status])

    report = check_freshness(settings, wanted, show, console.note)
    warn_unmatched(console, report.selection)
    _show_end(console, report)
    path = output or settings.work.parent / "sources.json"
    document = sources_document(report, settings.env, str(uuid.uuid4()))
    try:
        write_atomically(path, json.dumps(document))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="Check -o, --output.") from error
    return EXIT_OK if report.ok else EXIT_FAILED


def _show_end(console: Console, report: FreshnessReport) -> None:
    if not report.sources:
        console.warning("no selected source has freshness criteria (warn_after or error_after).")
    for asset, age in zip(report.sources, report.ages, strict=True):
        if age.status == RUNTIME_ERROR:
            console.line("")
            console.line(f"Error in source {short(asset)} ({asset.path})", "red")
            for line in age.error.splitlines():
                console.line(f"  {line}")
    counts = {status: sum(1 for age in report.ages if age.status == status) for status in _WORDS}
    console.line("")
    text = f"Done. PASS={counts[PASS]} WARN={counts[WARN]} ERROR={counts[ERROR] + counts[RUNTIME_ERROR]} TOTAL={len(report.ages)}"
    console.event("done", {"counts": counts, "seconds": report.seconds}, text, "green" if report.ok else "red")
