"""`penstock ls`: the assets of the project."""

from __future__ import annotations

from typing import Any

import click

from penstock.app.gateway import DbtGateway
from penstock.app.project import load_project
from penstock.app.selecting import Choice, select_assets
from penstock.assets.asset import Asset, Kind
from penstock.parser.partitioned import spec_of
from penstock.ui.commands.selected import warn_unmatched
from penstock.ui.names import described, short
from penstock.ui.options import console_of, output_options, place_options, select_options, selection_of, settings_of

_KEYS = ("unique_id", "name", "resource_type", "package_name", "original_file_path", "relation", "materialized", "tags", "fqn", "ingest")
_MORE_KEYS = ("partitions",)
_HIDDEN = (Kind.OPERATION,)


@click.command()
@click.option("--output", type=click.Choice(["selector", "name", "path", "json", "table"]), default="selector")
@click.option("--output-keys", multiple=True, help="Keys of the JSON lines.")
@click.option("--partitions", is_flag=True, help="Only assets that have partitions, and how these are defined.")
@output_options
@place_options
@select_options
def ls(output: str, output_keys: tuple[str, ...], partitions: bool, **options: Any) -> int:
    """List assets: sources, ingests, seeds, models, snapshots, tests, exposures."""
    console = console_of(options)
    settings = settings_of(options)
    gateway = DbtGateway(settings, console.note)
    try:
        project = load_project(settings, gateway)
    finally:
        gateway.close()
    selection = select_assets(settings, project, Choice(**selection_of(options)))
    warn_unmatched(console, selection)
    assets = [asset for key in selection.keys if (asset := project.graph[key]).kind not in _HIDDEN]
    if partitions:
        specs = {asset.key: spec for asset in assets if (spec := spec_of(asset)) is not None}
        assets = [asset for asset in assets if asset.key in specs]
        if output != "json":
            console.table(
                ("name", "kind", "partitions"), [(short(asset), asset.kind.value, described(specs[asset.key])) for asset in assets]
            )
            return 0
    if output == "json":
        import json

        keys = [key for text in output_keys for key in text.split()] or [*_KEYS, *(_MORE_KEYS if partitions else ())]
        for asset in assets:
            console.data(json.dumps({key: value for key, value in _as_json(asset).items() if key in keys}))
    elif output == "table":
        console.table(("name", "kind", "materialized", "relation"), [_as_row(asset) for asset in assets])
    else:
        lines = sorted({_line(asset, output) for asset in assets})
        if lines:
            console.data("\n".join(lines))
    return 0


def _line(asset: Asset, output: str) -> str:
    if output == "name":
        return asset.name
    if output == "path":
        return asset.ingest.path if asset.ingest else asset.path
    if asset.kind is Kind.SOURCE and asset.source is not None:
        return f"source:{asset.package}.{asset.source.source_name}.{asset.name}"
    if asset.kind is Kind.INGEST:
        return f"ingest:{asset.relation}"
    if asset.kind in (Kind.EXPOSURE, Kind.METRIC, Kind.SEMANTIC_MODEL, Kind.SAVED_QUERY, Kind.UNIT_TEST):
        return f"{asset.kind.value}:{asset.package}.{asset.name}"
    return ".".join(asset.fqn)


def _as_row(asset: Asset) -> tuple[str, str, str, str]:
    return short(asset), asset.kind.value, asset.materialized, str(asset.relation or "")


def _as_json(asset: Asset) -> dict[str, Any]:
    return {
        "unique_id": asset.key,
        "name": asset.name,
        "resource_type": asset.kind.value,
        "package_name": asset.package,
        "original_file_path": asset.path,
        "relation": str(asset.relation or ""),
        "materialized": asset.materialized,
        "tags": list(asset.tags),
        "fqn": list(asset.fqn),
        "ingest": asset.ingest.path if asset.ingest else "",
        "partitions": described(spec) if (spec := spec_of(asset)) is not None else "",
    }
