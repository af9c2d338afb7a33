"""How an asset with partitions reads its inputs: what its queries are cut to, and what is compared to tell whether they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from penstock.assets.asset import Asset
from penstock.assets.names import AssetKey
from penstock.assets.partition_mapping import OVERLAP, MappingRule
from penstock.assets.partitions import PartitionSpec
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.partitions import parse_mapping_rule


class How(StrEnum):
    """How the partitions of an asset read one input."""

    PARTITIONS = "partitions"
    EVENT_TIME = "event_time"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Reading:
    """One input of an asset with partitions; `source` are the input's own partitions where they are mapped.

    `event_time` is the column by which a batch reads the input, as the project writes it.
    """

    name: str
    how: How
    source: PartitionSpec | None = None
    rule: MappingRule = OVERLAP
    event_time: str = ""


Readings = Mapping[tuple[AssetKey, AssetKey], Reading]
"""By reader and input; what is not there is read as a whole."""


def readings_of(graph: AssetGraph, inputs: Sequence[Sequence[int]], specs: Mapping[AssetKey, PartitionSpec]) -> Readings:
    """Return how each asset with partitions reads each of its inputs. Raises ParseError for a rule that cannot be understood."""
    found: dict[tuple[AssetKey, AssetKey], Reading] = {}
    for number, asset in enumerate(graph.assets):
        if asset.key in specs:
            for parent in inputs[number]:
                found[asset.key, graph.assets[parent].key] = _reading(asset, graph.assets[parent], specs)
    return found


def _reading(reader: Asset, source: Asset, specs: Mapping[AssetKey, PartitionSpec]) -> Reading:
    spec = specs.get(source.key)
    if reader.microbatch:
        event_time = str(source.config.get("event_time") or "")
        if not event_time:
            return Reading(source.key, How.WHOLE)  # dbt cuts only inputs that name their event time
        if (
            spec is not None
            and spec.time is not None
            and spec.time.tz == "UTC"
            and spec.time.column.lower() == event_time.strip('"').lower()
        ):
            return Reading(source.key, How.PARTITIONS, spec, OVERLAP, event_time)
        return Reading(source.key, How.EVENT_TIME, event_time=event_time)
    if spec is None or reader.ingest is not None:
        return Reading(source.key, How.WHOLE)
    rules = reader.penstock.get("inputs")
    raw = next((rules[name] for name in (source.key, source.name) if name in rules), None) if isinstance(rules, Mapping) else None
    return Reading(source.key, How.PARTITIONS, spec, parse_mapping_rule(raw, specs[reader.key], spec))
