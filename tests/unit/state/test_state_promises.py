"""What others build on: the leading columns of the public views, versions that tell content apart, literals that are their values."""

from __future__ import annotations

import re
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.state.content import content_of
from penstock.state.queries import _literal, queries
from state_builders import new_store, rows_of

LEADING = {
    "asset_status": "asset relation kind status reason last_built_at code_version data_version rows",
    "partition_status": "asset partition partition_start partition_end status run_id",
    "run_history": "run_id started_at finished_at status command git_sha built reused failed",
    "run_steps": "run_id asset partition decision reason status started_at finished_at rows",
    "check_history": "check asset partition run_id checked_at severity status failures",
    "lineage": "parent child kind",
    "lineage_closure": "parent child depth",
    "column_lineage": "from_asset from_column to_asset to_column kind",
    "column_lineage_closure": "from_asset from_column to_asset to_column depth",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ONE = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)) | TEXT


@pytest.mark.parametrize("view", LEADING)
def test_a_public_view_begins_with_its_promised_columns(view: str) -> None:
    columns = [row[0] for row in rows_of(new_store(), f"describe {{state}}.{view}")]
    assert columns[: len(LEADING[view].split())] == LEADING[view].split()


def test_every_named_query_is_run_somewhere() -> None:
    sources = Path(str(files("penstock"))).rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    words = set(re.findall(r"[\"'](\w+)[\"']", text))
    collected = {f"gc_{word}" for word in words}
    assert set(queries()) <= words | collected


def version(query: str) -> str:
    sql = new_store()
    sql.connection.execute(f"create table t as {query}")
    return content_of(sql, '"t"').version


def test_the_version_of_a_table_does_not_depend_on_the_order_of_its_rows() -> None:
    rows = "select * from (values (1, 'x'), (2, null), (2, null)) as t (i, s)"
    assert version(rows) == version(f"{rows} order by i desc")


@pytest.mark.parametrize(
    "other",
    [
        "(1, 'x'), (2, null)", "(1, 'x'), (2, null), (2, 'y')", "(1, null), (2, 'x'), (2, null)", "(1, 'x'), (2, null), (2, null), (2, null)",
        "(1, 'x'), (2, ''), (2, '')", "(2, 'x'), (1, null), (2, null)",
    ],
)  # fmt: skip
def test_other_rows_or_other_pairs_of_values_are_another_version(other: str) -> None:
    assert version("select * from (values (1, 'x'), (2, null), (2, null)) as t (i, s)") != version(
        f"select * from (values {other}) as t (i, s)"
    )


def test_an_empty_table_has_a_version_of_its_columns() -> None:
    empty = version("select 1 as i where false")
    assert empty.startswith("rows:0:")
    assert empty == version("select 2 as i where false") != version("select 1 as j where false")


@settings(deadline=None)
@given(ONE | st.lists(TEXT, min_size=1, max_size=3))
def test_a_literal_is_the_value_that_would_be_bound(value: Any) -> None:
    assert duckdb.sql(f"select {_literal(value)}").fetchall() == [(value,)]
