"""Ingestion files and a manifest become one graph; whatever does not fit is reported at once, with its files."""

from __future__ import annotations

from typing import Any

import pytest
from graph_builders import source, table
from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.errors import GraphError, ParseError, Problems
from penstock.graph.assemble import assemble
from penstock.graph.asset_graph import AssetGraph, Edge
from penstock.parser.ingest import IngestFile, IngestHeader
from penstock.parser.manifest import ParsedManifest
from penstock.parser.query import QueryFacts


def manifest(*assets: Asset, edges: tuple[Edge, ...] = (), missing: tuple[tuple[str, str], ...] = ()) -> ParsedManifest:
    return ParsedManifest("shop", "1.11", "duckdb", assets, edges, (), missing, {})


def file(name: str = "orders", schema: str = "raw", header: dict[str, Any] | None = None, **more: Any) -> IngestFile:
    path = more.pop("path", f"ingest/{schema}/{name}.sql")
    return IngestFile(path, schema, name, IngestHeader(**(header or {})), "select 1", QueryFacts(), **more)


def built(*files: IngestFile, of: ParsedManifest | None = None) -> AssetGraph:
    return assemble(of or manifest(), files, "db")


def problems(*files: IngestFile, of: ParsedManifest | None = None) -> list[str]:
    with pytest.raises((GraphError, Problems)) as caught:
        built(*files, of=of)
    found = caught.value.problems if isinstance(caught.value, Problems) else (caught.value,)
    return [str(problem) for problem in found]


def test_a_file_that_no_source_knows_is_an_asset_of_its_own() -> None:
    asset = built(file())["ingest.raw.orders"]
    assert (asset.kind, asset.path, str(asset.relation), asset.materialized) == (
        Kind.INGEST,
        "ingest/raw/orders.sql",
        "raw.orders",
        "replace",
    )
    assert asset.builds_relation and asset.executable


@pytest.mark.parametrize("name", ["orders", "ORDERS", "Orders"])
def test_a_file_of_a_sources_relation_is_that_source(name: str) -> None:
    graph = built(file(name), of=manifest(source("orders", database="DB")))
    (asset,) = graph.assets
    assert (asset.key, asset.kind, asset.path) == ("source.shop.raw.orders", Kind.SOURCE, "models/sources.yml")
    assert asset.ingest is not None and asset.ingest.path == f"ingest/raw/{name}.sql"
    assert asset.builds_relation


def test_a_source_of_another_database_is_another_table() -> None:
    assert len(built(file(), of=manifest(source("orders", database="other")))) == 2


def test_the_header_comes_before_meta_and_meta_before_the_relation() -> None:
    by_meta = source("meant", config={"meta": {"penstock": {"ingest": "ingest/raw/orders.sql"}}})
    by_relation = source("orders")
    by_header = source("named", source_name="shop")
    all_three = manifest(by_meta, by_relation, by_header)
    assert built(file(header={"source": "shop.named"}), of=all_three)[by_header.key].ingest is not None
    assert built(file(), of=all_three)[by_meta.key].ingest is not None
    assert built(file(), of=manifest(by_relation, by_header))[by_relation.key].ingest is not None


def test_the_source_keeps_what_it_has_and_takes_the_rest_from_the_header() -> None:
    import dataclasses

    header = {"description": "mine", "owner": "me", "tags": ["b", "a"], "group": "g"}
    bare = source("orders")
    full = dataclasses.replace(bare, description="dbt's", owner="them", tags=("a",), group="h")
    taken = built(file(header=header), of=manifest(bare)).assets[0]
    assert (taken.description, taken.owner, taken.tags, taken.group) == ("mine", "me", ("b", "a"), "g")
    kept = built(file(header=header), of=manifest(full)).assets[0]
    assert (kept.description, kept.owner, kept.tags, kept.group) == ("dbt's", "them", ("a", "b"), "h")


def test_a_read_through_source_is_never_merged() -> None:
    graph = built(file(), of=manifest(source("orders", external_location="x.csv")))
    assert graph["source.shop.raw.orders"].ingest is None
    assert "ingest.raw.orders" in graph


def test_its_fingerprint_changes_with_query_header_and_relation_only() -> None:
    def print_of(header: dict[str, Any] | None = None, **more: Any) -> str:
        import dataclasses

        return built(dataclasses.replace(file(header=header), **more)).assets[0].fingerprint

    same = print_of()
    assert print_of({"description": "d", "owner": "o", "tags": ["t"], "group": "g", "meta": {"x": 1}}) == same == print_of()
    assert (
        len(
            {
                same,
                print_of(sql="select 2"),
                print_of({"write": "append"}),
                print_of({"watch": "x/*"}),
                print_of(table="other"),
                print_of(error=ParseError("broken")),
            }
        )
        == 6
    )


def test_a_broken_file_keeps_its_place_in_the_graph_and_its_error() -> None:
    broken = file(error=Problems([ParseError("one"), ParseError("two")]))
    orders = source("orders")
    graph = built(broken, of=manifest(orders, table("model.a"), edges=((orders.key, "model.a", EdgeKind.DATA),)))
    assert graph[orders.key].ingest is not None and graph[orders.key].ingest.error == "one\ntwo"
    assert graph.parents[graph.ids["model.a"]] == (graph.ids[orders.key],)


def test_refs_and_sources_of_a_file_become_edges() -> None:
    reader = file("copy", refs=(("a",),), sources=(("raw", "items"),))
    graph = built(reader, of=manifest(table("model.a"), source("items")))
    parents = {graph.assets[number].key for number in graph.parents[graph.ids["ingest.raw.copy"]]}
    assert parents == {"model.a", "source.shop.raw.items"}


def test_whoever_writes_a_sources_relation_is_its_producer() -> None:
    graph = built(of=manifest(source("colours"), table("seed.shop.colours", "RAW", "Colours", Kind.SEED)))
    assert list(graph.edges()) == [("seed.shop.colours", "source.shop.raw.colours", EdgeKind.PRODUCER)]


def test_a_file_loading_a_source_of_another_name_writes_the_sources_relation() -> None:
    graph = built(file("x", header={"source": "raw.orders"}), of=manifest(source("orders")))
    assert str(graph.assets[0].relation) == "raw.orders"


def test_several_sources_of_one_relation_are_ambiguous() -> None:
    twin = source("orders", source_name="twin")
    import dataclasses

    twin = dataclasses.replace(twin, key="source.shop.twin.orders")
    found = problems(file(), of=manifest(source("orders"), twin))
    assert any(
        "ingest/raw/orders.sql:1: several dbt sources have this relation: source.shop.raw.orders, source.shop.twin.orders" in one
        for one in found
    )
    assert len(built(file(header={"source": "twin.orders"}), of=manifest(source("orders"), twin))) == 2


def test_two_files_of_one_table_name_each_other() -> None:
    found = problems(file(path="ingest/raw/a.sql"), file(path="ingest/raw/b.sql"))
    assert found == ["ingest/raw/b.sql:1: ingest/raw/a.sql writes raw.orders too"]
    orders = manifest(source("orders"))
    assert problems(file(path="ingest/raw/a.sql"), file(path="ingest/raw/b.sql"), of=orders) == found


def test_two_writers_of_one_relation_name_both_files() -> None:
    (found,) = problems(file("a", "main"), of=manifest(table("model.a")))
    assert "both write main.a" in found
    assert "ingest/main/a.sql" in found and "models/model.a.sql" in found


def test_two_functions_of_one_name_are_overloads() -> None:
    assert len(built(of=manifest(table("function.a", kind=Kind.FUNCTION), table("function.b", name="a", kind=Kind.FUNCTION)))) == 2


def test_everything_that_is_wrong_is_told_together_with_its_files() -> None:
    raw = manifest(table("model.a"), table("model.b", name="a"), missing=(("model.gone", "model.a"),))
    bad = file("x", header={"source": "no.such"}, refs=(("nobody",),), sources=(("no", "table"),))
    found = problems(bad, of=raw)
    for words in (
        "models/model.a.sql: model.a reads model.gone",
        "no dbt source `no.such`",
        "no model `nobody`",
        "no source `no.table`",
        "both write main.a",
    ):
        assert any(words in one for one in found), words
    assert sum(one.startswith("ingest/raw/x.sql:1: ") for one in found) == 3


def test_a_cycle_is_told_beside_other_problems() -> None:
    reader = file(refs=(("a",),))
    orders = source("orders")
    raw = manifest(orders, table("model.a"), edges=((orders.key, "model.a", EdgeKind.DATA),), missing=(("model.gone", "model.a"),))
    found = problems(reader, of=raw)
    assert any("cycle" in one for one in found) and any("model.gone" in one for one in found)
