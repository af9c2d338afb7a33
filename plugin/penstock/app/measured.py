"""What the builds of a project measure, asset by asset."""

from __future__ import annotations

from dataclasses import replace

from penstock.assets.metrics import Level, Metrics, metrics_in
from penstock.assets.names import AssetKey
from penstock.graph.asset_graph import AssetGraph


def measured_in(graph: AssetGraph, default: Level) -> dict[AssetKey, Metrics]:
    """Return what each asset wants measured; below one with a mask no values are kept, for nobody follows where they went.

    Raises ConfigError, or Problems, naming each asset's file.
    """
    found = metrics_in(graph.assets, default)
    masked = [number for number, asset in enumerate(graph.assets) if asset.penstock.get("mask")]
    below = graph.descendants(masked)
    for number in below:
        key = graph.assets[number].key
        if key in found:
            found[key] = replace(found[key], masked=None)
    return found
