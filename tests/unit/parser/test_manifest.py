"""A manifest becomes assets and edges; one that cannot be believed is refused with a remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from manifest_builder import asset, data_test, macro, manifest, model, parse, seed, source
from penstock.assets.asset import Column, EdgeKind, Kind
from penstock.assets.names import RelationName
from penstock.errors import ProjectError
from penstock.parser.manifest import NEWEST_SCHEMA, OLDEST_SCHEMA, read_manifest


def test_a_manifest_is_read_back_as_it_is() -> None:
    raw = manifest(model("m"))
    assert read_manifest(json.dumps(raw), "manifest.json") == raw


@pytest.mark.parametrize("version", range(OLDEST_SCHEMA, NEWEST_SCHEMA + 1))
def test_versions_that_dbt_upgrades_are_read(version: int) -> None:
    assert read_manifest(json.dumps(manifest(version=version)), "f")


@pytest.mark.parametrize("version", [1, OLDEST_SCHEMA - 1, NEWEST_SCHEMA + 1, 20])
def test_other_versions_are_refused_by_number(version: int) -> None:
    with pytest.raises(ProjectError, match=f"manifest version v{version} is not supported") as caught:
        read_manifest(json.dumps(manifest(version=version)), "target/manifest.json")
    assert caught.value.hint
    assert str(caught.value).startswith("target/manifest.json")


@pytest.mark.parametrize("cut", [0, 1, 100, -1, -20])
def test_half_a_manifest_is_refused(cut: int) -> None:
    with pytest.raises(ProjectError, match="not complete JSON") as caught:
        read_manifest(json.dumps(manifest(model("m")))[:cut], "f")
    assert "dbt parse" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "1",
        "null",
        '""',
        "{}",
        '{"metadata": []}',
        '{"metadata": "x"}',
        '{"metadata": {"dbt_schema_version": 12}}',
        '{"metadata": {"dbt_schema_version": "https://x/manifest/v12.json"}}',
        '{"metadata": {"dbt_schema_version": "https://x/run-results/v6.json"}, "nodes": {}}',
    ],
)
def test_other_json_is_no_manifest(text: str) -> None:
    with pytest.raises(ProjectError, match="not a dbt manifest"):
        read_manifest(text, "f")


def test_deeply_nested_json_is_refused() -> None:
    with pytest.raises(ProjectError):
        read_manifest("[" * 200_000, "f")


def test_a_model_has_what_its_node_says() -> None:
    columns = {"id": {"name": "id", "data_type": "int", "description": "key"}, "x": {"name": "x"}}
    node = model(
        "m",
        tags=["t"],
        description="d",
        group="g",
        access="public",
        version=2,
        latest_version=3,
        patch_path="shop://m.yml",
        columns=columns,
    )
    found = asset(manifest(node, groups={"g": {"name": "g", "owner": {"email": "a@b.c"}}}), "model.shop.m")
    assert (found.kind, found.name, found.package, found.path, found.fqn) == (Kind.MODEL, "m", "shop", "models/m.sql", ("shop", "m"))
    assert (found.tags, found.description, found.group, found.access, found.owner) == (("t",), "d", "g", "public", "a@b.c")
    assert (found.version, found.latest_version, found.patch_path) == ("2", "3", "shop://m.yml")
    assert found.relation == RelationName("db", "main", "m")
    assert found.columns == (Column("id", "int", "key"), Column("x"))
    assert found.builds_relation and found.executable and not found.empty


def test_a_source_has_its_relation_freshness_and_location() -> None:
    freshness = {"warn_after": {"count": 1, "period": "day"}}
    found = asset(manifest(source(identifier="o_1", freshness=freshness, loaded_at_field="at")), "source.shop.raw.orders")
    assert found.relation == RelationName("db", "raw", "o_1")
    assert found.source is not None
    assert (found.source.source_name, found.source.freshness, found.source.loaded_at_field) == ("raw", freshness, "at")
    for more in (
        {"meta": {"external_location": "x/*.csv"}},
        {"config": {"meta": {"external_location": "x/*.csv"}}},
        {"source_meta": {"external_location": "x/*.csv"}},
    ):
        found = asset(manifest(source(**more)), "source.shop.raw.orders")
        assert found.source is not None and found.source.external_location == "x/*.csv"


def test_a_data_test_has_dbts_defaults_and_its_own_words() -> None:
    raw = manifest(
        model("m"),
        data_test("t", "model.shop.m"),
        data_test("u", "model.shop.m", config={"severity": "warn", "warn_if": ">1", "error_if": ">2", "fail_calc": "sum(n)", "limit": 0}),
    )
    spec = asset(raw, "test.shop.t").test
    assert spec is not None
    assert (spec.severity, spec.warn_if, spec.error_if, spec.fail_calc, spec.limit) == ("ERROR", "!= 0", "!= 0", "count(*)", None)
    assert (spec.name, spec.column, spec.attached_node) == ("not_null", "id", "model.shop.m")
    spec = asset(raw, "test.shop.u").test
    assert spec is not None
    assert (spec.severity, spec.warn_if, spec.error_if, spec.fail_calc, spec.limit) == ("WARN", ">1", ">2", "sum(n)", 0)


def test_ephemeral_models_exposures_and_tests_have_no_relation() -> None:
    exposure = {"resource_type": "exposure", "name": "e", "depends_on": {"nodes": ["model.shop.e"]}, "owner": {"name": "me"}}
    raw = manifest(model("e", materialized="ephemeral"), data_test("t", "model.shop.e"), exposures={"exposure.shop.e": exposure})
    assert all(one.relation is None for one in parse(raw).assets)
    assert asset(raw, "model.shop.e").ephemeral
    assert asset(raw, "exposure.shop.e").owner == "me"


def test_edges_know_their_kind_and_repeated_ones_count_once() -> None:
    raw = manifest(source(), model("a", "x", "source.shop.raw.orders", "source.shop.raw.orders"), data_test("t", "model.shop.a"))
    assert set(parse(raw).edges) == {
        ("source.shop.raw.orders", "model.shop.a", EdgeKind.DATA),
        ("model.shop.a", "test.shop.t", EdgeKind.TEST),
    }
    assert len(parse(raw).edges) == 2


def test_a_parent_that_is_not_there_is_returned_not_raised() -> None:
    assert parse(manifest(model("a", "x", "model.shop.gone"))).missing == (("model.shop.gone", "model.shop.a"),)


def test_run_hooks_are_listed() -> None:
    hook = {**model("hook", "select 1"), "resource_type": "operation", "unique_id": "operation.shop.hook"}
    assert parse(manifest(model("a"), hook)).hooks == ("operation.shop.hook",)


def test_every_kind_of_node_becomes_an_asset() -> None:
    nodes = [
        model("a"),
        seed("s"),
        data_test("t", "model.shop.a"),
        {**model("n", materialized="snapshot"), "resource_type": "snapshot", "unique_id": "snapshot.shop.n"},
        {**model("y"), "resource_type": "analysis", "unique_id": "analysis.shop.y"},
    ]
    sections: dict[str, Any] = {
        section: {f"{kind}.shop.x": {"resource_type": kind, "name": "x", "depends_on": {"nodes": ["model.shop.a"]}}}
        for section, kind in (("metrics", "metric"), ("semantic_models", "semantic_model"), ("saved_queries", "saved_query"), ("unit_tests", "unit_test"), ("functions", "function"), ("exposures", "exposure"))
    }  # fmt: skip
    found = {one.kind for one in parse(manifest(*nodes, source(), **sections)).assets}
    assert found == set(Kind) - {Kind.INGEST, Kind.CHECK, Kind.FILE, Kind.OPERATION}


def test_an_older_manifest_without_the_newer_fields_is_read() -> None:
    kept = (
        "resource_type",
        "unique_id",
        "name",
        "package_name",
        "original_file_path",
        "fqn",
        "alias",
        "database",
        "schema",
        "relation_name",
        "raw_code",
        "depends_on",
        "config",
        "tags",
        "checksum",
    )
    old = {key: value for key, value in model("a", "select 1", "source.shop.raw.orders").items() if key in kept}
    test = {key: value for key, value in data_test("t", "model.shop.a").items() if key in (*kept, "test_metadata", "column_name")}
    raw = manifest(old, test, source(), version=9)
    for missing in ("groups", "saved_queries", "semantic_models", "unit_tests", "functions"):
        raw.pop(missing, None)
    raw["metadata"].pop("project_name", None)
    found = parse(read_manifest(json.dumps(raw), "f"))
    assert {one.key for one in found.assets} == {"model.shop.a", "test.shop.t", "source.shop.raw.orders"}
    assert asset(raw, "model.shop.a").language == "sql"
    assert found.rendered == {"model.shop.a": "select 1"}


@pytest.mark.parametrize(
    ("code", "recompile"),
    [
        ("select 1", False),
        ("{{ run_query('x') }}", True),
        ("{% if is_incremental() %}where a > now(){% endif %}", True),
        ("{% if is_incremental() %}where a > 1{% endif %}", False),
    ],
)
def test_jinja_that_reads_the_world_is_compiled_at_every_run(code: str, recompile: bool) -> None:
    assert asset(manifest(model("m", code)), "model.shop.m").recompile is recompile


def test_a_macro_that_reads_the_world_makes_its_callers_compile_at_every_run() -> None:
    outer, inner = macro("outer", "{{ inner() }}", "macro.shop.inner"), macro("inner", "{{ run_query('x') }}")
    assert asset(manifest(model("m", "{{ outer() }}", macros=("macro.shop.outer",)), macros=(outer, inner)), "model.shop.m").recompile
    assert asset(manifest(model("m", "x", macros=("macro.shop.gone",))), "model.shop.m").recompile


def test_an_ephemeral_model_that_reads_the_world_makes_its_readers_compile_at_every_run() -> None:
    eph = model("e", "{{ run_started_at }}", materialized="ephemeral")
    between = model("f", "x", "model.shop.e", materialized="ephemeral")
    raw = manifest(
        eph,
        between,
        model("m", "x", "model.shop.f"),
        model("other", "x"),
        model("table", "{{ run_started_at }}"),
        model("n", "x", "model.shop.table"),
    )
    assert asset(raw, "model.shop.m").recompile
    assert not asset(raw, "model.shop.other").recompile
    assert not asset(raw, "model.shop.n").recompile


def test_many_layers_of_ephemeral_models_are_read_in_no_time() -> None:
    layers = [
        model(f"e{n}{side}", "x", *([f"model.shop.e{n - 1}a", f"model.shop.e{n - 1}b"] if n else []), materialized="ephemeral")
        for n in range(40)
        for side in "ab"
    ]
    assert len(parse(manifest(*layers)).assets) == 80
