"""The named queries: each parses, each runs on an empty store, and no value can break out of its place."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.names import quote
from penstock.errors import WarehouseError
from penstock.state.queries import parameters, queries, rendered, statement
from penstock.state.store import SCHEMA_VERSION, Statements, migrate
from penstock.warehouse.duckdb import DuckDBWarehouse
from state_builders import NOON, Story, graph, new_store, rows_of

HOSTILE = (
    "'; drop schema penstock cascade; --", "{state}", "{relation}", "$run_id", "$$", "it's \"quoted\"", "a\nb\r\nc\td",
    "back\\slash\\'", "\\x41 \\u0041", "%s {} {0}", "", " ", "ünïcödé ☃ 🦆", "-- name: meta", "/* */",
)  # fmt: skip
SCHEMAS = ("Penstock State", 'quo"ted', "UPPER", "select", "a.b", "it's", "{relation}", "$asset", "x; drop table y")
NUMBERS = frozenset("threads built reused failed skipped limit token max_active".split())
FLAGS = frozenset({"failed_only", "good", "recreates", "forced"})
TIMES = frozenset("started_at finished_at claimed_at committed_at observed_at before since requested_at ended_at".split())


def dummies(name: str) -> dict[str, Any]:
    lists = set(re.findall(r"\$(\w+)::\w+\[\]", queries()[name]))
    return {one: _dummy(one, one in lists) for one in parameters(name)}


def _dummy(parameter: str, listed: bool) -> Any:
    if listed:
        return []
    if parameter.startswith("partition_") or parameter == "rows":
        return None
    if parameter in TIMES:
        return NOON
    if parameter in NUMBERS:
        return 1
    return parameter in FLAGS or "x"


def test_there_are_named_queries_and_each_name_is_there_once() -> None:
    from penstock.state.queries import sql_file

    named = re.findall(r"^-- name: (\w+)$", sql_file("queries.sql"), re.MULTILINE)
    assert len(named) > 50
    assert sorted(named) == sorted(queries())


@pytest.mark.parametrize("name", queries())
def test_every_query_parses(name: str) -> None:
    text = statement(name, '"penstock"', '"main"."t"')
    assert "{" not in text
    assert len(duckdb.extract_statements(text)) == (2 if name == "fence_or_fail" else 1)


@pytest.mark.parametrize("name", sorted(set(queries()) - {"fence_or_fail"}))
def test_every_query_runs_on_an_empty_store(name: str) -> None:
    sql = new_store()
    sql.connection.execute('create table "some table" as select 1 as a')
    assert isinstance(sql.run(name, dummies(name), relation='"some table"'), list)


@pytest.mark.parametrize("name", sorted(set(queries()) - {"fence_or_fail"}))
def test_every_query_runs_with_its_values_written_as_literals(name: str) -> None:
    sql = new_store()
    sql.connection.execute('create table "some table" as select 1 as a')
    sql.connection.execute(rendered(name, sql.schema, dummies(name), '"some table"'))


def test_the_fence_of_a_hook_fails_where_no_claim_is_held() -> None:
    with pytest.raises(WarehouseError, match="taken over by another run"):
        _fence_in_text(new_store(), 1)


def test_the_fence_of_a_hook_passes_with_the_right_token_alone() -> None:
    story = Story(new_store())
    story.start("run1")
    token = story.claim("x", "x")
    _fence_in_text(story.sql, token)
    with pytest.raises(WarehouseError, match="taken over by another run"):
        _fence_in_text(story.sql, token + 1)


def _fence_in_text(sql: Statements, token: int) -> None:
    values = {**dummies("fence_or_fail"), "token": token}
    for part in rendered("fence_or_fail", sql.schema, values).split(";\n"):
        sql.connection.execute(part)


def attempt(sql: Statements, text: str) -> tuple[Any, ...]:
    values = {
        "run_id": text, "asset": text, "partition": text, "token": 2**40, "executor": text, "status": text, "error": text,
        "started_at": NOON, "finished_at": datetime(2024, 2, 29, 23, 59, 59, 999999),
    }  # fmt: skip
    sql.connection.execute(rendered("record_attempt", sql.schema, values))
    rows = rows_of(sql, 'select run_id, asset, "partition", token, executor, status, error, started_at, finished_at from {state}.attempt')
    rows_of(sql, "delete from {state}.attempt")
    assert rows == [tuple(values.values())]
    return rows[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_is_read_back_as_it_was_written(text: str) -> None:
    assert attempt(new_store(), text)[0] == text


def test_any_text_is_read_back_as_it_was_written() -> None:
    sql = new_store()

    @settings(deadline=None)
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
    def every_text(text: str) -> None:
        assert attempt(sql, text)[0] == text

    every_text()


def test_hostile_lists_are_read_back_as_they_were_written() -> None:
    sql = new_store()
    values = {"run_id": "r", "asset": "$inputs", "partition": "", "token": 1, "inputs": HOSTILE, "versions": list(reversed(HOSTILE))}
    values["columns"] = [None, [], *([text, "plain"] for text in HOSTILE[2:])]
    sql.connection.execute(rendered("record_inputs", sql.schema, values))
    found = rows_of(sql, "select asset, input, input_version, columns from {state}.materialization_input")
    wanted = zip(HOSTILE, reversed(HOSTILE), values["columns"], strict=True)
    assert found == [("$inputs", one, other, columns) for one, other, columns in wanted]


def test_missing_values_booleans_and_numbers_are_literals_of_their_own() -> None:
    assert rendered("get_meta", "s", {"key": None}).endswith('"key" = null')
    assert rendered("get_meta", "s", {"key": True}).endswith('"key" = true')
    assert rendered("get_meta", "s", {"key": 1.5}).endswith('"key" = 1.5')


def test_only_what_a_query_names_is_bound() -> None:
    sql = new_store()
    assert sql.run("get_meta", {"key": "schema_version", "something": "else"}) == [(str(SCHEMA_VERSION),)]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_store_works_in_a_schema_of_any_name(schema: str) -> None:
    sql = Statements(DuckDBWarehouse.in_memory().connect(), schema)
    assert (migrate(sql), migrate(sql)) == (list(range(1, SCHEMA_VERSION + 1)), [])
    story = Story(sql)
    story.start("run1", {"model.a": "BUILD"}, {"file:x": "1"})
    story.writer.record_graph("run1", graph("model.a -> model.b"), "hash")
    story.build("model.a")
    story.end()
    assert rows_of(sql, "select asset, status from {state}.asset_status order by asset") == [
        ("model.a", "fresh"),
        ("model.b", "never_built"),
    ]
    assert sql.connection.execute("select distinct schema_name from duckdb_tables()") == [(schema,)]
    assert dict(sql.run("table_sizes", {"schema": schema}))["run"] == 1
    assert sql.schema == quote(schema)


def test_a_schemas_name_is_found_in_any_case() -> None:
    connection = DuckDBWarehouse.in_memory().connect()
    assert migrate(Statements(connection, "Penstock")) == list(range(1, SCHEMA_VERSION + 1))
    assert migrate(Statements(connection, "pENSTOCK")) == []
