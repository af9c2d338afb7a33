"""`penstock init`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from penstock.app.init_project import init_demo, init_project
from penstock.ui.options import console_of, output_options


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--demo", is_flag=True, help="Write the demo shop and its data into FOLDER.")
@click.option("--no-ci", is_flag=True, help="Leave the workflow for pull requests out.")
@output_options
def init(folder: Path, demo: bool, no_ci: bool, **options: Any) -> int:
    """Add Penstock to the dbt project in FOLDER, or write the demo there."""
    console = console_of(options)
    done = init_demo(folder) if demo else init_project(folder, workflow=not no_ci)
    changed = [item for item in done if item.action != "kept"]
    for item in done if len(done) < 10 else []:
        console.data(f"{item.action:<8} {os.path.relpath(item.path)}")
    if len(done) >= 10:
        console.data(f"{len(changed)} files written to {os.path.relpath(folder)}, {len(done) - len(changed)} were there already")
    where = "" if folder.resolve() == Path.cwd() else f"cd {os.path.relpath(folder)} && "
    console.note(f"Next: {where}penstock plan")
    return 0
