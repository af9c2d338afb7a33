"""Column lineage as OpenLineage events: valid by the standard's own schemas, which are vendored."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from penstock.graph.column_walk import Link, Spot
from penstock.ui.lineage_openlineage import Place, run_events
from referencing import Registry, Resource

SPEC = Path(__file__).parents[2] / "data" / "openlineage"
SCHEMAS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in SPEC.glob("*.json")}
REGISTRY: Registry[Any] = Registry().with_contents((schema["$id"], schema) for schema in SCHEMAS.values())

KINDS = ("passthrough", "renamed", "derived", "aggregated", "filter", "join", "group", "order", "window", "unknown")
COLUMNS = {"model.shop.fct": ("id", "amount"), "model.shop.rep": ("total", "n"), "file:data/*.csv": ("a", "b")}
PLACE = Place(
    "shop.duckdb", "shop", {"model.shop.fct": "main.fct", "model.shop.rep": "main.rep"}, {"model.shop.rep": datetime(2024, 3, 14, 6)}
)


def link(source: tuple[str, str], target: tuple[str, str], kind: str = "passthrough", detail: str = "") -> Link:
    return Link(Spot(*source), Spot(*target), kind, detail)


LINKS = [
    link(("model.shop.fct", "amount"), ("model.shop.rep", "total"), "aggregated"),
    link(("model.shop.fct", "amount"), ("model.shop.rep", "total"), "window"),
    link(("model.shop.fct", "id"), ("model.shop.rep", ""), "group"),
    link(("file:data/*.csv", "*"), ("model.shop.fct", "*"), "unknown", "what it reads cannot be told"),
    link(("model.shop.rep", ""), ("exposure.shop.board", ""), "rows"),
    link(("model.shop.rep", "total"), ("exposure.shop.board", "total")),
]


def validate(event: dict[str, Any]) -> None:
    """Check an event, and each of its facets, against the schema that it names itself."""
    facets = [facet for dataset in (*event["inputs"], *event["outputs"]) for facet in dataset.get("facets", {}).values()]
    for value, url in ((event, event["schemaURL"]), *((facet, facet["_schemaURL"]) for facet in facets)):
        base, _, pointer = url.partition("#/$defs/")
        assert base in {schema["$id"] for schema in SCHEMAS.values()}, url
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": f"{base}#/$defs/{pointer}"}
        Draft202012Validator(schema, registry=REGISTRY, format_checker=FormatChecker()).validate(value)
    Draft202012Validator(SCHEMAS["OpenLineage"], registry=REGISTRY).validate(event)


def events() -> dict[str, dict[str, Any]]:
    return {event["job"]["name"]: event for event in run_events(LINKS, COLUMNS, PLACE)}


def test_every_event_and_every_facet_is_valid() -> None:
    found = events()
    assert found.keys() == {"model.shop.rep", "model.shop.fct", "exposure.shop.board"}
    for event in found.values():
        validate(event)


def test_the_schemas_are_those_that_refuse_a_broken_event() -> None:
    broken = events()["model.shop.rep"]
    del broken["outputs"][0]["facets"]["columnLineage"]["fields"]["total"]["inputFields"][0]["field"]
    with pytest.raises(Exception, match="'field' is a required property"):
        validate(broken)


def test_columns_go_to_fields_and_what_decides_about_rows_to_the_dataset() -> None:
    (output,) = events()["model.shop.rep"]["outputs"]
    facet = output["facets"]["columnLineage"]
    assert (output["namespace"], output["name"]) == ("duckdb://shop.duckdb", "main.rep")
    (amount,) = facet["fields"]["total"]["inputFields"]
    assert (amount["name"], amount["field"]) == ("main.fct", "amount")
    assert [(one["type"], one["subtype"]) for one in amount["transformations"]] == [("DIRECT", "AGGREGATION"), ("INDIRECT", "WINDOW")]
    assert [(one["field"], one["transformations"][0]["subtype"]) for one in facet["dataset"]] == [("id", "GROUP_BY")]
    assert output["facets"]["schema"]["fields"] == [{"name": "total"}, {"name": "n"}]


def test_columns_that_nobody_can_name_are_all_of_them_with_the_reason() -> None:
    (output,) = events()["model.shop.fct"]["outputs"]
    fields = output["facets"]["columnLineage"]["fields"]
    assert fields.keys() == {"id", "amount"}
    assert [(one["namespace"], one["name"], one["field"]) for one in fields["id"]["inputFields"]] == [
        ("file", "data/*.csv", "a"), ("file", "data/*.csv", "b"),
    ]  # fmt: skip
    assert fields["id"]["inputFields"][0]["transformations"][0]["description"] == "unknown: what it reads cannot be told"


def test_the_same_build_has_the_same_run_and_another_one_another() -> None:
    first = events()["model.shop.rep"]["run"]["runId"]
    later = Place("shop.duckdb", "shop", PLACE.relations, {"model.shop.rep": datetime(2024, 3, 15)})
    (again,) = [event for event in run_events(LINKS, COLUMNS, later) if event["job"]["name"] == "model.shop.rep"]
    assert events()["model.shop.rep"]["run"]["runId"] == first != again["run"]["runId"]
    assert events()["model.shop.rep"]["eventTime"] == "2024-03-14T06:00:00Z"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_edge_is_a_transformation(kind: str) -> None:
    for target in ("total", ""):
        (event,) = run_events([link(("model.shop.fct", "id"), ("model.shop.rep", target), kind)], {}, PLACE)
        validate(event)


def test_resources_are_read_by_their_own_names() -> None:
    assert {schema["$id"].rpartition("/")[2].removesuffix(".json") for schema in SCHEMAS.values()} == SCHEMAS.keys()
    assert all(Resource.from_contents(schema).id() == schema["$id"] for schema in SCHEMAS.values())
