from __future__ import annotations

from collections.abc import Mapping

from penstock.assets.names import RelationName
from penstock.graph import column_graph
from penstock.graph.column_graph import AssetColumnEdge, AssetLineage, AssetQuery, edges_between_assets, lineage_of_graph
from penstock.parser.column_lineage import EVERY_COLUMN, Flow

KNOWN = {"raw": ("id", "amount", "noise")}


def key_of(name: RelationName) -> str | None:
    key = name.identifier.lower()
    return None if key.startswith("foreign") else key


def query(key: str, sql: str, version: str = "1") -> AssetQuery:
    return AssetQuery(key, sql, version)


SHOP = (
    query("stg", "select id, amount * 2 as price, noise from main.Raw where noise > 0"),
    query("fct", "with q as (select * exclude (noise) from stg) select *, price + 1 as more from q"),
    query("rep", "select sum(price) as total, count(*) as n from fct group by id"),
)


def run(queries=SHOP, known=None, cached: Mapping[str, AssetLineage] | None = None, **more) -> dict[str, AssetLineage]:
    return {one.key: one for one in lineage_of_graph(queries, key_of, known or KNOWN, cached, **more)}


def edges(found: AssetLineage) -> set[str]:
    return {f"{edge.from_asset}.{edge.from_column} {edge.flow} {edge.to_column}".strip() for edge in edges_between_assets(found, key_of)}


def test_each_query_knows_the_columns_of_those_before_it() -> None:
    found = run()
    assert found["fct"].lineage.columns == ("id", "price", "more")
    assert edges(found["fct"]) == {"stg.id passthrough id", "stg.price passthrough price", "stg.price derived more"}
    assert edges(found["rep"]) == {"fct.price aggregated total", "fct.id group"}
    assert not any(one.lineage.unknown for one in found.values())


def test_edges_name_assets_however_their_relations_are_written() -> None:
    assert edges(run()["stg"]) == {"raw.id passthrough id", "raw.amount derived price", "raw.noise passthrough noise", "raw.noise filter"}


def test_what_is_no_asset_goes_by_its_name() -> None:
    found = run([query("m", "select x from lake.Foreign_table")])["m"]
    assert edges_between_assets(found, key_of) == [AssetColumnEdge("lake.Foreign_table", "x", "m", "x", Flow.PASSTHROUGH)]


def test_a_failure_does_not_hide_the_others() -> None:
    found = run([query("stg", "select from where ("), *SHOP[1:], query("other", "select id from raw")])
    assert found["stg"].lineage.columns == (EVERY_COLUMN,)
    assert found["stg"].lineage.unknown
    assert edges(found["other"]) == {"raw.id passthrough id"}
    assert edges(found["rep"]) == {"fct.price aggregated total", "fct.id group"}
    assert "stg.* unknown *" in edges(found["fct"])


def test_a_failure_within_is_contained_as_well(monkeypatch) -> None:
    def broken(*_):
        raise KeyError("columns")

    monkeypatch.setattr(column_graph, "column_lineage", broken)
    found = run()
    assert [one.lineage.unknown for one in found.values()] == [("'columns'",)] * 3


def test_columns_of_a_query_that_does_not_tell_them_come_from_elsewhere() -> None:
    broken = query("stg", "select from where (")
    found = run([broken, *SHOP[1:]], {**KNOWN, "stg": ("id", "price", "noise")})
    assert found["fct"].lineage.columns == ("id", "price", "more")


def test_what_a_query_tells_comes_before_what_the_warehouse_still_has() -> None:
    assert run(known={**KNOWN, "fct": ("id", "old")})["rep"].lineage == run()["rep"].lineage


def test_columns_named_after_their_text_get_the_names_that_the_warehouse_gave() -> None:
    queries = [query("m", "select id, amount + 1 from raw"), query("r", 'select "(amount + 1)" as x from m')]
    found = run(queries, {**KNOWN, "m": ("id", "(amount + 1)")})
    assert found["m"].lineage.columns == ("id", "(amount + 1)")
    assert edges(found["m"]) == {"raw.id passthrough id", "raw.amount derived (amount + 1)"}
    assert edges(found["r"]) == {"m.(amount + 1) renamed x"}


def test_names_of_other_columns_than_those_of_the_query_are_not_taken() -> None:
    queries = [query("m", "select id, amount + 1 from raw")]
    assert run(queries, {**KNOWN, "m": ("other", "(amount + 1)")})["m"].lineage.columns == ("id", "#2")


def test_what_did_not_change_is_not_read_again(monkeypatch) -> None:
    before = run()
    read: list[str] = []
    real = column_graph.parse_one
    monkeypatch.setattr(column_graph, "parse_one", lambda sql, dialect: read.append(sql) or real(sql, dialect))
    assert run(cached=before) == before
    assert read == []


def test_a_change_is_read_and_so_are_those_whose_inputs_have_other_columns(monkeypatch) -> None:
    before = run()
    read: list[str] = []
    real = column_graph.parse_one
    monkeypatch.setattr(column_graph, "parse_one", lambda sql, dialect: read.append(sql) or real(sql, dialect))
    same_columns = query("stg", "select id, amount * 3 as price, noise from raw", "2")
    run([same_columns, *SHOP[1:]], cached=before)
    assert read == [same_columns.sql]
    read.clear()
    one_more = query("stg", "select id, amount * 3 as price, noise, 1 as one from raw", "2")
    after = run([one_more, *SHOP[1:]], cached=before)
    assert read == [one_more.sql, SHOP[1].sql, SHOP[2].sql]
    assert after == run([one_more, *SHOP[1:]])


def test_columns_of_a_source_that_became_known_are_a_change() -> None:
    before = run(known={"none": ()})
    assert before["fct"].lineage.unknown == ()
    assert before["stg"].lineage.inputs == ((RelationName("", "main", "Raw"), None),)
    assert run(cached=before) == run()


def test_an_ephemeral_model_stands_between_its_inputs_and_its_readers() -> None:
    ephemeral = query("eph", "select id, amount + noise as gross from raw where noise > 0")
    reader = query("m", f"with __dbt__cte__eph as ({ephemeral.sql}) select gross from __dbt__cte__eph")
    found = run([ephemeral, reader], inlined={"__dbt__cte__eph": RelationName("", "", "eph")})
    assert edges(found["m"]) == {"eph.gross passthrough gross"}
    assert "raw.noise filter" in edges(found["eph"])
