"""Waivers: checks that may fail until a day, as rows that every run reads."""

from __future__ import annotations

import difflib
from datetime import datetime

from penstock.app.gateway import DbtGateway
from penstock.app.project import load_project
from penstock.app.reading import locked_state
from penstock.app.settings import Settings
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.names import display
from penstock.state.store import migrate
from penstock.state.writer import StateWriter


def waive(settings: Settings, gateway: DbtGateway, name: str, until: datetime, reason: str, now: datetime) -> list[AssetKey]:
    """Let the tests and checks of that name fail until then (UTC), and return them; a time that is past takes it back.

    Raises SelectionError for a name that no test or check has.
    """
    found = checks_named(load_project(settings, gateway).graph, name)
    with locked_state(settings, "check waive") as sql:
        migrate(sql)
        StateWriter(sql).waive(found, until, reason, now)
    return found


def checks_named(graph: AssetGraph, name: str) -> list[AssetKey]:
    """Return the tests and checks that people call so. Raises SelectionError, with near names, for none."""
    tests = [asset for asset in graph.assets if asset.is_data_test]
    found = [asset.key for asset in tests if name in (asset.key, asset.name, display(asset.key))]
    if not found:
        near = difflib.get_close_matches(name, {asset.name for asset in tests}, 3)
        raise SelectionError(
            f"there is no test or check `{name}`",
            hint=f"Did you mean {', '.join(near)}?" if near else "See `penstock ls --resource-type test check`.",
        )
    return found
