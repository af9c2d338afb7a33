"""What stands for a snapshot, a function or a loading statement, so that its columns can be followed like those of a query."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.assets.asset import IngestSpec
from penstock.assets.names import RelationName
from penstock.errors import ParseError
from penstock.graph.column_graph import lineage_of_text
from penstock.parser.column_lineage import QueryLineage
from penstock.parser.lineage_statements import function_query, loading_query, snapshot_query

META = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


def lineage(sql: str) -> QueryLineage:
    return lineage_of_text(sql, "duckdb", lambda name: {"t": ("k", "a", "b")}.get(name.identifier), {})


def into(found: QueryLineage, column: str) -> set[str]:
    return {f"{edge.from_column} {edge.flow}" for edge in found.edges if edge.to_column == column}


def snapshot(**config: Any) -> QueryLineage:
    return lineage(snapshot_query("select * from t", {"unique_key": "k", **config}, "duckdb"))


def test_a_snapshot_by_time_depends_on_its_key_and_that_time() -> None:
    found = snapshot(strategy="timestamp", updated_at="b")
    assert found.columns == ("k", "a", "b", *META) and not found.unknown
    assert into(found, "dbt_valid_from") == into(found, "dbt_updated_at") == {"b renamed"}
    assert into(found, "dbt_valid_to") == {"b derived", "b window", "k window"}
    assert into(found, "dbt_scd_id") == {"k derived", "b derived"}
    assert into(found, "") == {"k filter", "b filter"}
    assert into(found, "a") == {"a passthrough"}


def test_a_snapshot_by_columns_depends_on_those() -> None:
    found = snapshot(strategy="check", check_cols=["a"], unique_key=["k"])
    assert into(found, "") == {"k filter", "a filter"}
    assert into(found, "dbt_valid_from") == {"a derived"}


def test_a_snapshot_by_all_columns_depends_on_all() -> None:
    found = snapshot(strategy="check", check_cols="all")
    assert into(found, "") == {"k filter", "a filter", "b filter"} and not found.unknown


def test_a_snapshots_own_columns_may_be_renamed_and_tell_deleted_rows() -> None:
    found = snapshot(
        strategy="timestamp", updated_at="b::timestamp", hard_deletes="new_record", snapshot_meta_column_names={"dbt_valid_from": "since"}
    )
    assert found.columns == ("k", "a", "b", "dbt_scd_id", "dbt_updated_at", "since", "dbt_valid_to", "dbt_is_deleted")
    assert into(found, "since") == {"b derived"}


@pytest.mark.parametrize("config", [{"updated_at": "b +"}, {"check_cols": ["("], "strategy": "check"}, {"unique_key": "a, b ("}])
def test_a_snapshot_that_cannot_be_read_is_an_error(config: dict[str, Any]) -> None:
    with pytest.raises(ParseError, match="the snapshot cannot be read"):
        snapshot(strategy=config.pop("strategy", "timestamp"), **config)


def test_a_function_has_the_lineage_of_the_query_within() -> None:
    assert lineage(function_query("x / 2", "half", "duckdb")).columns == ("half",)
    assert not lineage(function_query("x / 2", "half", "duckdb")).unknown, "its parameters are no columns"
    assert into(lineage(function_query("(select max(a) from t)", "most", "duckdb")), "most") == {"a aggregated"}
    assert into(lineage(function_query("select max(a) from t", "most", "duckdb")), "most") == {"a aggregated"}
    with pytest.raises(ParseError, match="the function cannot be read"):
        function_query("x /", "half", "duckdb")


def test_an_ingestion_query_is_what_it_is() -> None:
    assert loading_query(IngestSpec("x", "select a from t"), "duckdb") == "select a from t"


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("insert into raw.x (p, q) select a, b from t", ("p", "q")),
        ("insert into raw.x select a, b from t", ("a", "b")),
        ("with w as (select b, a from t) insert into raw.x (p, q) select * from w", ("p", "q")),
    ],
)
def test_a_statement_loads_the_columns_it_lists(statement: str, columns: tuple[str, ...]) -> None:
    found = lineage(loading_query(IngestSpec("x", statement, "statement"), "duckdb"))
    assert found.columns == columns and not found.unknown
    assert {edge.relation for edge in found.edges} == {RelationName("", "", "t")}


def test_a_copy_does_not_say_which_columns_a_file_has() -> None:
    with pytest.raises(ParseError, match="COPY loads files"):
        loading_query(IngestSpec("x", "copy raw.x from 'a.csv'", "statement"), "duckdb")
    with pytest.raises(ParseError, match="cannot be read"):
        loading_query(IngestSpec("x", "insert into (", "statement"), "duckdb")
