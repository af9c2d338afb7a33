"""`penstock store`: look after the state tables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from penstock.app.holding import unlock as unlock_database
from penstock.app.reading import collect_garbage, export_store, migrate_store, store_status
from penstock.app.runs import utc_now
from penstock.ui.options import console_of, output_options, place_options, settings_of


@click.group()
def store() -> None:
    """Look after the state tables: status, migrate, carry-over, export, unlock, gc."""


@store.command()
@click.option("--output", type=click.Choice(["table", "json"]), default="table")
@output_options
@place_options
def status(output: str, **options: Any) -> int:
    """Show version, pending migrations and sizes."""
    console = console_of(options)
    found = store_status(settings_of(options))
    if output == "json":
        console.json(found)
        return 0
    console.data(f"schema     {found['schema']}")
    console.data(f"version    {found['version']} (this Penstock: {found['newest']})")
    console.data(f"pending    {', '.join(map(str, found['pending'])) or 'none'}")
    if found["last_run"]:
        console.data(f"last run   {found['last_run'][0]}, {found['last_run'][2]}, {found['last_run'][1]:%Y-%m-%d %H:%M:%S} UTC")
    for name, rows in found["rows"].items():
        console.data(f"  {name:<24} {rows:>10,} rows")
    return 0


@store.command()
@click.option("--wait", is_flag=True, help="Wait until the database is free.")
@output_options
@place_options
def migrate(wait: bool, **options: Any) -> int:
    """Bring the state tables to this version; a build does so by itself."""
    console = console_of(options)
    done = migrate_store(settings_of(options), -1 if wait else 0)
    console.data(f"migrated to version {done[-1]}" if done else "nothing to migrate")
    return 0


@store.command("carry-over")
@output_options
@place_options
def carry_over(**options: Any) -> int:
    """After an upgrade that makes code versions in another way, keep what was not edited from being built once more."""
    from penstock.app.carry_over import carry_over as carry
    from penstock.app.gateway import DbtGateway

    console = console_of(options)
    settings = settings_of(options)
    gateway = DbtGateway(settings, console.note)
    try:
        carried, left = carry(settings, gateway)
    finally:
        gateway.close()
    console.data(f"{len(carried)} carried over")
    for key in left:
        console.warning(f"{key} was edited since it was built, or its build is not on record: it will be built.")
    return 0


@store.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@output_options
@place_options
def export(folder: Path, **options: Any) -> int:
    """Write every public view as a CSV file into FOLDER."""
    console = console_of(options)
    for path in export_store(settings_of(options), folder):
        console.data(str(path))
    return 0


@store.command()
@output_options
@place_options
def unlock(**options: Any) -> int:
    """Remove what a process left that died while it held the database; one that lives keeps it."""
    console = console_of(options)
    left = unlock_database(settings_of(options))
    console.data(f"removed the note of {left}" if left else "nothing to unlock: no process holds the database")
    return 0


@store.command()
@click.option("--days", type=click.IntRange(min=1), default=90, show_default=True, help="Keep runs younger than this.")
@output_options
@place_options
def gc(days: int, **options: Any) -> int:
    """Forget old runs of which nothing current remains."""
    console = console_of(options)
    gone = collect_garbage(settings_of(options), utc_now() - timedelta(days=days))
    console.data(f"{gone} runs forgotten")
    return 0
