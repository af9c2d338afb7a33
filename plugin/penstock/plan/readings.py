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
from penstock.parser.obstacles import RENDERED
from penstock.parser.partitions import parse_mapping_rule


class How(StrEnum):
    """How the partitions of an asset read one input."""

    PARTITIONS = "partitions"
    EVENT_TIME = "event_time"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Reading:
    """One input of an asset with partitions; `source` are the input's own partitions where they are mapped.

    `event_time` is the column by which a batch reads the input, as the project writes it. `beyond`: a view or an ephemeral
    model that is read as well brings rows of the input that are not the partition's.
    """

    name: str
    how: How
    source: PartitionSpec | None = None
    rule: MappingRule = OVERLAP
    event_time: str = ""
    beyond: bool = False

    @property
    def compared(self) -> How:
        """What tells whether the input changed: where rows from beyond the partition are read, all of it."""
        return How.WHOLE if self.beyond else self.how


Readings = Mapping[tuple[AssetKey, AssetKey], Reading]
"""By reader and input; what is not there is read as a whole."""


def readings_of(graph: AssetGraph, inputs: Sequence[Sequence[int]], specs: Mapping[AssetKey, PartitionSpec]) -> Readings:
    """Return how each asset with partitions reads each of its inputs. Raises ParseError for a rule that cannot be understood."""
    found: dict[tuple[AssetKey, AssetKey], Reading] = {}
    for number, asset in enumerate(graph.assets):
        if asset.key not in specs:
            continue
        for parent in inputs[number]:
            source = graph.assets[parent]
            if asset.microbatch:
                found[asset.key, source.key] = _of_batches(graph, inputs, number, parent, specs.get(source.key))
            else:
                found[asset.key, source.key] = _of_slices(asset, source, specs)
    return found


def _of_batches(graph: AssetGraph, inputs: Sequence[Sequence[int]], number: int, parent: int, spec: PartitionSpec | None) -> Reading:
    """Return how batches read an input: dbt cuts what they name that has an event time, and leaves ephemeral models whole."""
    names = [one for one in graph.parents[number] if one == parent or (graph.assets[one].is_plain_source and parent in inputs[one])]
    event_time = next((str(found) for one in names if (found := graph.assets[one].config.get("event_time"))), "")
    key = graph.assets[parent].key
    if not event_time:
        return Reading(key, How.WHOLE)
    ephemeral = any(graph.assets[one].ephemeral and parent in inputs[one] for one in graph.parents[number])
    beyond = ephemeral or RENDERED in graph.assets[number].obstacles
    column = event_time.strip('"').lower()
    if spec is not None and spec.time is not None and spec.time.tz == "UTC" and spec.time.column.lower() == column:
        return Reading(key, How.PARTITIONS, spec, OVERLAP, event_time, beyond)
    return Reading(key, How.EVENT_TIME, event_time=event_time, beyond=beyond)


def _of_slices(reader: Asset, source: Asset, specs: Mapping[AssetKey, PartitionSpec]) -> Reading:
    spec = specs.get(source.key)
    if spec is None or reader.ingest is not None:
        return Reading(source.key, How.WHOLE)
    rules = reader.penstock.get("inputs")
    raw = next((rules[name] for name in (source.key, source.name) if name in rules), None) if isinstance(rules, Mapping) else None
    return Reading(source.key, How.PARTITIONS, spec, parse_mapping_rule(raw, specs[reader.key], spec))
