"""What `penstock freshness` makes of an answer, and the document it writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from penstock.app.freshness import FreshnessReport, _answer, _has_criteria, _Query, _query_of, sources_document
from penstock.assets.asset import Asset, IngestSpec, Kind, SourceSpec
from penstock.assets.freshness import COMMIT, FIELD, QUERY, SourceAge
from penstock.assets.names import RelationName
from penstock.errors import ProjectError, WarehouseError

NOON = datetime(2024, 3, 14, 12)
FRESHNESS = {"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 1, "period": "day"}, "filter": None}


def source(**spec: Any) -> Asset:
    given = {"freshness": FRESHNESS, "loaded_at_field": "at", **spec}
    return Asset(
        "source.shop.raw.a", Kind.SOURCE, "a", path="s.yml", relation=RelationName("db", "raw", 'odd "a'), source=SourceSpec("raw", **given)
    )


def answer(rows: Any, query: _Query | None = None, asset: Asset | None = None, commits: Any = None) -> SourceAge:
    def execute(_sql: str) -> Any:
        if isinstance(rows, Exception):
            raise rows
        return rows

    sql: Any = SimpleNamespace(connection=SimpleNamespace(execute=execute))
    return _answer(sql, asset or source(), query or _Query(FIELD, "select"), commits or {}, NOON)


@pytest.mark.parametrize(
    ("loaded", "status", "age"),
    [
        (NOON - timedelta(hours=1), "pass", 3600),
        (NOON - timedelta(hours=1, microseconds=1), "warn", 3600.000001),
        (NOON - timedelta(days=1, seconds=1), "error", 86401),
        ((NOON - timedelta(minutes=5)).replace(tzinfo=UTC), "pass", 300),
        (datetime(2024, 3, 14, 6, 55, tzinfo=timezone(-timedelta(hours=5))), "pass", 300),
        (NOON + timedelta(hours=1), "pass", -3600),
    ],
    ids=str,
)
def test_ages_are_compared_in_utc_whatever_the_zone(loaded: datetime, status: str, age: float) -> None:
    found = answer([(loaded, NOON.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9))))])
    assert (found.status, found.age, found.snapshotted_at) == (status, age, NOON)
    assert found.max_loaded_at is not None and found.max_loaded_at.tzinfo is None
    assert found.failed is (status == "error")


def test_a_table_without_rows_is_infinitely_old() -> None:
    found = answer([(None, NOON)])
    assert (found.status, found.max_loaded_at, found.age) == ("error", None, (NOON - datetime(1, 1, 1)).total_seconds())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(date(2024, 3, 14), NOON)], "expected a timestamp, found a date: 2024-03-14"),
        ([("2024-03-14", NOON)], "expected a timestamp, found a str: 2024-03-14"),
        ([], "expected one row of one value"),
        (WarehouseError("no such table"), "no such table"),
    ],
    ids=str,
)
def test_what_cannot_be_compared_is_a_runtime_error(rows: Any, message: str) -> None:
    found = answer(rows)
    assert (found.status, found.error, found.failed, found.snapshotted_at) == ("runtime error", message, True, None)


def test_an_ingested_source_without_a_field_has_the_time_of_its_commit() -> None:
    ingested = replace(source(loaded_at_field=""), ingest=IngestSpec("ingest/raw/a.sql", "select 1"))
    gateway: Any = None
    query = _query_of(ingested, gateway)
    assert query == _Query(COMMIT)
    found = answer([], query, ingested, {ingested.key: NOON - timedelta(hours=2)})
    assert (found.status, found.age, found.max_loaded_at) == ("warn", 7200, NOON - timedelta(hours=2))
    assert answer([], query, ingested).error == "ingest/raw/a.sql was never loaded"
    assert "no `loaded_at_field`" in answer([], query, source(loaded_at_field="")).error


def test_the_criteria_of_an_ingestion_file_count_where_the_source_it_loads_has_none() -> None:
    said = {"meta": {"penstock": {"freshness": FRESHNESS}}}
    merged = replace(source(freshness={}, loaded_at_field=""), ingest=IngestSpec("ingest/raw/a.sql", "select 1"), config=said)
    assert _has_criteria(merged)
    assert answer([], _Query(COMMIT), merged, {merged.key: NOON - timedelta(days=2)}).status == "error"
    own = {**FRESHNESS, "error_after": None}
    assert (
        answer([], _Query(COMMIT), replace(merged, source=source(freshness=own).source), {merged.key: NOON - timedelta(days=2)}).status
        == "warn"
    )
    assert not _has_criteria(replace(merged, config={})) and not _has_criteria(replace(merged, ingest=None))
    age = SourceAge(merged.key, "pass", COMMIT, NOON, NOON, 0).timed(NOON, 0.5)
    project: Any = SimpleNamespace(dbt_version="1.11.16")
    document = sources_document(FreshnessReport(project, project, (merged,), (age,), NOON, 1), {}, "an id")
    assert document["results"][0]["criteria"] == FRESHNESS


class Gateway:
    """A dbt that renders, or does not."""

    def __init__(self, found: tuple[str, str] | None) -> None:
        self.found = found
        self.asked: list[str] = []

    def session(self) -> Gateway:
        return self

    def source_sql(self, key: str) -> tuple[str, str]:
        self.asked.append(key)
        if self.found is None:
            raise ProjectError("no such macro")
        return self.found


RELATION = '"db"."raw"."odd ""a"'


@pytest.mark.parametrize(
    ("spec", "basis", "sql", "asks"),
    [
        ({}, FIELD, f"select max(at) as max_loaded_at, now() as snapshotted_at from {RELATION}", False),
        ({"freshness": {**FRESHNESS, "filter": "id > 1"}}, FIELD,
         f"select max(at) as max_loaded_at, now() as snapshotted_at from {RELATION} where id > 1", False),
        ({"loaded_at_query": "select max(b) from {{ this }}"}, QUERY,
         (f"with source_query as (select max(b) from {RELATION}\n)\n"
         "select (select * from source_query) as max_loaded_at, now() as snapshotted_at"), False),
        ({"loaded_at_query": "select {{ mine() }}"}, QUERY,
         "with source_query as (rendered\n)\nselect (select * from source_query) as max_loaded_at, now() as snapshotted_at", True),
        ({"external_location": "a.parquet"}, FIELD, "select max(at) as max_loaded_at, now() as snapshotted_at from 'a.parquet'", True),
    ],
    ids=str,
)  # fmt: skip
def test_dbt_is_asked_only_for_what_it_alone_can_say(spec: Any, basis: str, sql: str, asks: bool) -> None:
    gateway: Any = Gateway(("'a.parquet'", "rendered"))
    assert _query_of(source(**spec), gateway) == _Query(basis, sql)
    assert bool(gateway.asked) is asks


def test_a_query_that_dbt_cannot_render_fails_that_source_alone() -> None:
    gateway: Any = Gateway(None)
    query = _query_of(source(loaded_at_query="select {{ nothing() }}"), gateway)
    assert (query, answer([], query).status) == (_Query(QUERY, error="no such macro"), "runtime error")


def test_the_document_is_dbts_and_leaves_out_what_could_not_be_asked() -> None:
    ages = (
        SourceAge("source.shop.raw.a", "pass", FIELD, NOON, NOON + timedelta(hours=1), 3600.0).timed(NOON, 0.5),
        SourceAge("source.shop.raw.b", "error", FIELD, None, NOON, 1e9).timed(NOON, 0.5),
        SourceAge("source.shop.raw.c", "runtime error", FIELD, error="no").timed(NOON, 0.5),
    )
    project: Any = SimpleNamespace(dbt_version="1.11.16")
    selection: Any = None
    report = FreshnessReport(project, selection, (source(), source(), source()), ages, NOON, 2.5)
    document = sources_document(report, {"DBT_ENV_CUSTOM_ENV_team": "data", "HOME": "/"}, "an id")
    assert document["metadata"] == {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json", "dbt_version": "1.11.16",
        "generated_at": "2024-03-14T12:00:02.500000Z", "invocation_id": "an id", "invocation_started_at": "2024-03-14T12:00:00Z",
        "env": {"team": "data"},
    }  # fmt: skip
    first, second = document["results"]
    assert (first["max_loaded_at"], first["max_loaded_at_time_ago_in_s"]) == ("2024-03-14T12:00:00+00:00", 3600.0)
    assert (second["max_loaded_at"], second["status"], second["criteria"]) == ("0001-01-01T00:00:00+00:00", "error", FRESHNESS)
    assert document["elapsed_time"] == 2.5
    assert not report.ok
