"""Column lineage as OpenLineage run events: one for each asset that columns flow into.

Source of every name and shape: https://github.com/OpenLineage/OpenLineage/tree/main/spec, which tests validate against.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from penstock.graph.column_walk import EVERY_COLUMN, ROWS, Link, Spot
from penstock.plan.names import display, is_file

PRODUCER = "urn:penstock"
_SPEC = "https://openlineage.io/spec"
_TRANSFORMATIONS = {
    "passthrough": ("DIRECT", "IDENTITY"),
    "renamed": ("DIRECT", "IDENTITY"),
    "derived": ("DIRECT", "TRANSFORMATION"),
    "aggregated": ("DIRECT", "AGGREGATION"),
    "filter": ("INDIRECT", "FILTER"),
    "join": ("INDIRECT", "JOIN"),
    "group": ("INDIRECT", "GROUP_BY"),
    "order": ("INDIRECT", "SORT"),
    "window": ("INDIRECT", "WINDOW"),
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where datasets and jobs live: the database, the project, and what each asset's relation is and when it was built (UTC)."""

    database: str
    project: str
    relations: Mapping[str, str] = field(default_factory=dict)
    built_at: Mapping[str, datetime] = field(default_factory=dict)
    otherwise: datetime = datetime(1970, 1, 1)  # noqa: DTZ001 (UTC without a zone, as everywhere)

    def dataset(self, asset: str) -> Json:
        """Return the name of a dataset; files have a namespace of their own."""
        if is_file(asset):
            return {"namespace": "file", "name": display(asset)}
        return {"namespace": f"duckdb://{self.database}", "name": self.relations.get(asset) or asset}


def run_events(links: Iterable[Link], columns: Mapping[str, Sequence[str]], place: Place) -> list[Json]:
    """Return an event for each asset that some columns flow into, with the facet `columnLineage` of those columns."""
    by_target: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        if link.kind != "rows":
            by_target[link.target.asset].append(link)
    return [_event(asset, into, columns, place) for asset, into in by_target.items()]


def _event(asset: str, links: Sequence[Link], columns: Mapping[str, Sequence[str]], place: Place) -> Json:
    built = place.built_at.get(asset, place.otherwise)
    output = place.dataset(asset)
    output["facets"] = {"columnLineage": _column_lineage(links, columns, place)}
    if columns.get(asset):
        output["facets"]["schema"] = {**_facet("SchemaDatasetFacet"), "fields": [{"name": name} for name in columns[asset]]}
    return {
        "eventType": "COMPLETE",
        "eventTime": f"{built.isoformat()}Z",
        "producer": PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER}/{place.project}/{asset}/{built.isoformat()}"))},
        "job": {"namespace": place.project, "name": asset},
        "inputs": [place.dataset(source) for source in dict.fromkeys(link.source.asset for link in links)],
        "outputs": [output],
    }


def _column_lineage(links: Sequence[Link], columns: Mapping[str, Sequence[str]], place: Place) -> Json:
    fields: dict[str, dict[Spot, list[Link]]] = defaultdict(lambda: defaultdict(list))
    rows: dict[Spot, list[Link]] = defaultdict(list)
    for link in links:
        for source in _columns_meant(link.source, columns):
            if link.target.column == ROWS:
                rows[source].append(link)
            else:
                for target in _columns_meant(link.target, columns):
                    fields[target.column][source].append(link)
    return {
        **_facet("ColumnLineageDatasetFacet"),
        "fields": {name: {"inputFields": [_input(*one, place) for one in found.items()]} for name, found in fields.items()},
        "dataset": [_input(*one, place) for one in rows.items()],
    }


def _columns_meant(spot: Spot, columns: Mapping[str, Sequence[str]]) -> list[Spot]:
    """Return the columns that may be meant where nobody knows which; OpenLineage has no word for that."""
    known = columns.get(spot.asset) or ()
    return [Spot(spot.asset, name) for name in known] if spot.column == EVERY_COLUMN and known else [spot]


def _input(spot: Spot, links: Iterable[Link], place: Place) -> Json:
    return {**place.dataset(spot.asset), "field": spot.column, "transformations": [_transformation(link) for link in links]}


def _transformation(link: Link) -> Json:
    kind, subtype = _TRANSFORMATIONS.get(link.kind, ("INDIRECT", ""))
    described = f"{link.kind}: {link.detail}" if link.detail else link.kind
    return {"type": kind, **({"subtype": subtype} if subtype else {}), "description": described, "masking": False}


def _facet(name: str) -> Json:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/1-2-0/{name}.json#/$defs/{name}"}
