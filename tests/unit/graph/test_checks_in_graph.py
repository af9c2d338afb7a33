"""Check files become nodes below what they look at and what they read."""

from __future__ import annotations

from dataclasses import replace

from penstock.assets.asset import Asset, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.errors import ParseError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.checks import nodes_of, with_checks
from penstock.graph.checks import testable as is_testable
from penstock.graph.codec import decode_graph, encode_graph
from penstock.graph.gates import run_order
from penstock.parser.checks import CheckFile, parse_check
from penstock.parser.sql_file import Names


def named(*names: str, **_: object) -> RelationName:
    return RelationName("db", "main", names[-1])


NAMES = Names(ref=named, source=lambda _, table: named(table), var=named, env_var=lambda name, *_: name)


def asset(name: str, kind: Kind = Kind.MODEL, **more: object) -> Asset:
    values = {"relation": RelationName("db", "main", name), "materialized": "table", **more}
    return Asset(f"{kind.value}.shop.{name}", kind, name, **values)  # type: ignore[arg-type]


ORDERS, CUSTOMERS = asset("orders"), asset("customers")
GRAPH = AssetGraph([ORDERS, CUSTOMERS, asset("mart")], [("model.shop.orders", "model.shop.mart", "data")])  # type: ignore[list-item]


def file(name: str, header: str, query: str) -> CheckFile:
    lines = "".join(f"-- {line}\n" for line in header.splitlines())
    return parse_check(f"checks/{name}.sql", f"-- ---\n{lines}-- ---\n{query}\n", NAMES)


def graph_of(*files: CheckFile, tested: tuple[str, ...] = ("model.shop.orders",)) -> AssetGraph:
    return with_checks(GRAPH, [node for one in files for node in nodes_of(one, tested)], "db", lambda key: f"(history of {key})")


def test_a_check_is_a_node_for_each_asset_it_selects() -> None:
    one = file("positive", "select: x\ntags: [nightly]\nowner: sales", "select * from this where n < 0")
    graph = graph_of(one, tested=("model.shop.orders", "model.shop.customers"))
    found = graph["check.positive.model.shop.orders"]
    assert (found.kind, found.name, found.tags, found.owner, found.path) == (
        Kind.CHECK,
        "positive",
        ("nightly",),
        "sales",
        "checks/positive.sql",
    )
    assert found.check is not None and found.check.this == '"db"."main"."orders"'
    assert found.test is not None and (found.test.attached_node, found.test.severity) == ("model.shop.orders", "ERROR")
    assert graph["check.positive.model.shop.customers"].fingerprint != found.fingerprint


def test_what_a_check_reads_lies_upstream_of_it_once() -> None:
    query = "select * from this join {{ ref('customers') }} using (id) where id in (select id from db.main.customers) and a in (select a from elsewhere)"
    graph = graph_of(file("known", "select: x", query))
    number = graph.ids["check.known.model.shop.orders"]
    assert [graph.assets[parent].name for parent in graph.parents[number]] == ["customers", "orders"]


def test_readers_wait_for_a_check_that_blocks_and_for_no_other() -> None:
    blocking, warning = file("a", "select: x", "select * from this"), file("b", "select: x\nseverity: warn", "select * from this")
    graph = graph_of(blocking, warning)
    waits = {graph.assets[number].key for number in run_order(graph)[graph.ids["model.shop.mart"]]}
    assert waits == {"model.shop.orders", "check.a.model.shop.orders"}


def test_a_broken_file_is_a_node_that_says_so_and_hangs_on_nothing() -> None:
    graph = graph_of(file("bad", "select: x", "drop table this"))
    found = graph["check.checks/bad.sql"]
    assert found.check is not None and "drop" in found.check.error.lower()
    assert graph.parents[graph.ids[found.key]] == ()
    assert "check.checks/late.sql" in graph_of(replace(file("late", "select: x", "from this"), error=ParseError("selects a function")))


def test_another_threshold_is_another_check_and_another_description_is_not() -> None:
    def fingerprint(header: str) -> str:
        return graph_of(file("one", header, "select * from this"))["check.one.model.shop.orders"].fingerprint

    plain = fingerprint("select: x")
    assert fingerprint("select: x\nerror_if: '> 3'") != plain
    assert fingerprint("select: x\nscope: table") != plain
    assert fingerprint("select: x\ndescription: more words\nowner: me") == plain


def test_earlier_metrics_are_given_to_a_check_that_names_them_only() -> None:
    graph = graph_of(file("a", "select: x", "select * from this"), file("b", "select: x", "select * from history"))
    given = {found.name: found.check.history for found in graph.assets if found.check is not None}
    assert given == {"a": "", "b": "(history of model.shop.orders)"}


def test_a_graph_with_checks_survives_the_cache() -> None:
    graph = graph_of(file("a", "select: x\nlimit: 3", "select * from this"))
    again = decode_graph(encode_graph(graph))
    assert again.assets == graph.assets and again.edge_kind == graph.edge_kind


def test_only_what_has_rows_can_be_looked_at() -> None:
    relation = RelationName("db", "main", "x")
    assert is_testable(ORDERS)
    assert is_testable(asset("s", Kind.SOURCE, source=SourceSpec("raw")))
    assert not is_testable(asset("e", materialized="ephemeral"))
    assert not is_testable(asset("f", Kind.FUNCTION))
    assert not is_testable(Asset("exposure.shop.x", Kind.EXPOSURE, "x", relation=relation))
