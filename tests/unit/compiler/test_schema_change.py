"""A table whose new rows have other columns: what is done to it, and what is put into it."""

from __future__ import annotations

import pytest
from penstock.assets.names import RelationName
from penstock.compiler.schema_change import aligned
from penstock.errors import WarehouseError

TABLE = RelationName("", "s", 't"x')
OLD = [("id", "BIGINT"), ("Name", "VARCHAR")]


def test_the_same_columns_in_another_order_and_case_are_the_same() -> None:
    for mode in ("fail", "ignore", "append_new_columns", "sync_all_columns"):
        found = aligned(TABLE, OLD, [("name", "VARCHAR"), ("ID", "BIGINT")], mode)
        assert (found.statements, found.columns) == ((), ('"name"', '"ID"'))


@pytest.mark.parametrize(
    ("coming", "words"),
    [
        ([*OLD, ("extra", "DATE")], "`extra` is new"),
        (OLD[:1], "`Name` is missing"),
        ([("id", "VARCHAR"), OLD[1]], "`id` is VARCHAR, not BIGINT"),
    ],
)
def test_fail_says_what_differs(coming: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(WarehouseError, match=words):
        aligned(TABLE, OLD, coming, "fail")


def test_ignore_leaves_out_what_the_table_does_not_have() -> None:
    found = aligned(TABLE, OLD, [("id", "BIGINT"), ("extra", "DATE")], "ignore")
    assert (found.statements, found.listed) == ((), '"id"')


def test_new_columns_are_appended() -> None:
    found = aligned(TABLE, OLD, [("id", "BIGINT"), ("extra", "DATE")], "append_new_columns")
    assert found.statements == ('alter table "s"."t""x" add column "extra" DATE',)
    assert found.columns == ('"id"', '"extra"')


def test_all_columns_are_synced() -> None:
    found = aligned(TABLE, OLD, [("id", "INTEGER"), ("extra", "DATE")], "sync_all_columns")
    assert [statement.split('"t""x" ')[1] for statement in found.statements] == [
        'add column "extra" DATE', 'drop column "Name"', 'alter column "id" set data type INTEGER',
    ]  # fmt: skip
