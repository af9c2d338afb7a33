"""A graph survives JSON and back, whatever its assets hold; a cache of another version is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graph_builders import graph_of, node
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.asset import Asset, Column, EdgeKind, IngestSpec, Kind, SourceSpec, TestSpec
from penstock.assets.names import RelationName
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.codec import decode_graph, encode_graph

TEXT = st.text(max_size=6)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(Kind),
    "fqn": TEXTS, "tags": TEXTS, "obstacles": TEXTS,
    "relation": st.none() | st.builds(RelationName, TEXT, TEXT, TEXT),
    "config": st.dictionaries(TEXT, JSON, max_size=2),
    "columns": st.lists(st.builds(Column, TEXT, TEXT, TEXT), max_size=2).map(tuple),
    "recompile": st.booleans(), "empty": st.booleans(),
    "test": st.none() | st.builds(TestSpec, name=TEXT, fail_calc=TEXT, limit=st.none() | st.integers()),
    "source": st.none() | st.builds(SourceSpec, TEXT, external_location=TEXT, freshness=st.dictionaries(TEXT, JSON, max_size=2)),
    "ingest": st.none() | st.builds(IngestSpec, path=TEXT, sql=TEXT, watch=TEXTS, attach=TEXTS, extensions=TEXTS, error=TEXT),
}  # fmt: skip
ASSETS = st.lists(st.builds(Asset, key=TEXT, name=TEXT, **PARTS), max_size=4, unique_by=lambda asset: asset.key)


@settings(deadline=None)
@given(ASSETS, st.data())
def test_a_graph_comes_back_from_json_as_it_was(assets: list[Asset], data: st.DataObject) -> None:
    keys = [asset.key for asset in assets]
    pairs = [(above, below) for number, above in enumerate(keys) for below in keys[number + 1 :]]
    edges = [(*pair, data.draw(st.sampled_from(EdgeKind))) for pair in pairs if data.draw(st.booleans())]
    graph = AssetGraph(assets, edges)
    again = decode_graph(json.loads(json.dumps(encode_graph(graph))))
    assert again.assets == graph.assets
    assert list(again.edges()) == list(graph.edges())
    assert (again.parents, again.children, again.ids) == (graph.parents, graph.children, graph.ids)


def test_values_of_another_version_are_refused() -> None:
    raw = encode_graph(graph_of("a -> b"))
    with pytest.raises(ValueError, match="other fields"):
        decode_graph({**raw, "fields": [*raw["fields"], "new"]})


def test_what_assets_share_is_written_once_and_kept_once() -> None:
    one, two = (node(key, config={"meta": {"a": 1}}, tags=("x",)) for key in ("a", "b"))
    raw = json.loads(json.dumps(encode_graph(AssetGraph([one, two], []))))
    assert raw["assets"][raw["fields"].index("config")] == [[{"meta": {"a": 1}}], [0, 0]]
    first, second = decode_graph(raw).assets
    assert first.config is second.config and first.tags is second.tags


def test_values_that_only_python_holds_equal_stay_apart() -> None:
    graph = AssetGraph([node("a", config={"x": 1}), node("b", config={"x": True}), node("c", config={"x": 1.0})], [])
    again = decode_graph(json.loads(json.dumps(encode_graph(graph))))
    assert [repr(asset.config["x"]) for asset in again.assets] == ["1", "True", "1.0"]


def test_a_damaged_cache_is_an_error_that_the_reader_expects() -> None:
    raw = json.loads(json.dumps(encode_graph(graph_of("a -> b"))))
    keys, *others = raw["assets"]
    for broken in (
        {"fields": raw["fields"]},
        {**raw, "assets": 1},
        {**raw, "assets": others},
        {**raw, "assets": [[keys[0], [0]], *others]},
        {**raw, "assets": [[keys[0], [0, 2]], *others]},
        {**raw, "assets": [[keys[0], [0, 0]], *others]},
        {**raw, "children": [9]},
        {**raw, "children": [0]},
        {**raw, "parents": [-1], "children": [0]},
        {**raw, "parents": [0, 0]},
        {**raw, "kinds": [["nope"], [0]]},
        {**raw, "kinds": [["data"], []]},
    ):
        with pytest.raises(ValueError):
            decode_graph(broken)
