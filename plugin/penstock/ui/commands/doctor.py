"""`penstock doctor`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from penstock.app.doctor import examine
from penstock.errors import EXIT_OK, EXIT_USAGE
from penstock.ui.options import console_of, output_options, place_of, place_options

_STYLES = {"ok": "green", "note": "", "warn": "yellow", "error": "red"}


@click.command()
@output_options
@place_options
def doctor(**options: Any) -> int:
    """Check environment, configuration, links and database; each finding with its remedy."""
    console = console_of(options)
    findings = examine(place_of(options), Path.cwd(), dict(os.environ), console.note)
    for finding in findings:
        console.data(f"{console.styled(f'{finding.level:<6}', _STYLES[finding.level])} {finding.topic:<14} {finding.text}")
        if finding.hint:
            console.data(f"{'':<22}{finding.hint}")
    return EXIT_USAGE if any(finding.level == "error" for finding in findings) else EXIT_OK
