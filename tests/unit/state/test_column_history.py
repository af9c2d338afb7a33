"""The columns of relations: recorded when they change and only then, whichever run made up for one that died."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.app.columns import record_built_columns
from penstock.app.reading import ColumnChange, StateReader
from penstock.assets.names import RelationName
from penstock.compiler.content import Columns
from penstock.runner.commit import publish
from penstock.state.columns import ColumnRow, changed_columns, record_columns
from penstock.state.store import Statements
from penstock.warehouse.protocol import Standing
from state_builders import Story, graph, new_store, rows_of

KEY = "model.a"


@pytest.fixture
def sql() -> Statements:
    return new_store()


class Shop:
    """A store and what stands in it; builds record what really stands."""

    def __init__(self, sql: Statements) -> None:
        self.sql = sql
        self.story = Story(sql)
        self.asked: list[list[str]] = []
        self.standing: dict[str, Columns] = {}

    def build(self, run: str, query: str, key: str = KEY, *, view: bool = False) -> None:
        self.story.start(run)
        what = self.story._publication(key, "", (), "code", f"({query})", "view" if view else "table")
        publish(self.sql, what, lambda: None, lambda: self.story.now)
        self.standing[key] = self.sql.run("describe", relation=f"({query})")
        self.story.end()

    def record(self) -> None:
        record_columns(self.sql, self._columns)

    def _columns(self, keys: Iterable[str]) -> dict[str, Columns]:
        self.asked.append(sorted(keys))
        return {key: self.standing[key] for key in self.asked[-1] if key in self.standing}

    def history(self) -> list[tuple[Any, ...]]:
        return self.sql.connection.execute(
            'select run_id, "column", data_type, change, before from penstock.column_history order by run_id, "column"'
        )


def test_columns_that_appear_vanish_and_change_their_type_are_told_with_the_run(sql: Statements) -> None:
    shop = Shop(sql)
    for run, query in {
        "run1": "select 1 as a, 'x' as b",
        "run2": "select 1 as a, 'x' as b",
        "run3": "select 1::bigint as a, true as c",
        "run4": "select 1::bigint as a, true as c, 'x' as b",
    }.items():
        shop.build(run, query)
        shop.record()
    assert shop.history() == [
        ("run1", "a", "INTEGER", "added", None), ("run1", "b", "VARCHAR", "added", None),
        ("run3", "a", "BIGINT", "retyped", "INTEGER"), ("run3", "b", "VARCHAR", "removed", "VARCHAR"), ("run3", "c", "BOOLEAN", "added", None),
        ("run4", "b", "VARCHAR", "added", "VARCHAR"),
    ]  # fmt: skip
    assert shop.asked == [[KEY], [KEY], [KEY]]


def test_what_did_not_change_is_not_even_looked_at(sql: Statements) -> None:
    shop = Shop(sql)
    for run in ("run1", "run2"):
        shop.build(run, "select 1 as a", view=run == "run2")
        shop.record()
    assert shop.asked == [[KEY]]
    assert len(rows_of(sql, "from {state}.relation_column")) == 1


def test_a_later_run_makes_up_for_one_that_died_and_names_the_run_that_built(sql: Statements) -> None:
    shop = Shop(sql)
    shop.build("run1", "select 1 as a")
    shop.build("run2", "select 1 as z", "model.b")
    shop.record()
    assert shop.asked == [["model.a", "model.b"]]
    assert {row[:2] for row in shop.history()} == {("run1", "a"), ("run2", "z")}


def test_what_a_run_that_died_changed_is_recorded_by_one_that_builds_something_else(sql: Statements) -> None:
    shop = Shop(sql)
    shop.build("run1", "select 1 as a")
    shop.record()
    shop.build("run2", "select 'x' as a")
    shop.build("run3", "select 1 as z", "model.b")
    shop.record()
    shop.build("run4", "select 1 as z", "model.b")
    shop.record()
    assert shop.history() == [
        ("run1", "a", "INTEGER", "added", None), ("run2", "a", "VARCHAR", "retyped", "INTEGER"), ("run3", "z", "INTEGER", "added", None),
    ]  # fmt: skip
    assert len(shop.asked) == 2


def test_columns_that_only_changed_places_have_no_history(sql: Statements) -> None:
    shop = Shop(sql)
    for run, query in {"run1": "select 1 as a, 2 as b", "run2": "select 2 as b, 1 as a", "run3": "select 2 as b, 1 as a"}.items():
        shop.build(run, query)
        shop.record()
    assert [row[0] for row in shop.history()] == ["run1", "run1"]
    assert shop.asked == [[KEY], [KEY]]
    assert [one.column for one in StateReader(sql).columns_of(KEY)] == ["b", "a"]


def test_a_relation_that_is_gone_is_left_as_it_was(sql: Statements) -> None:
    shop = Shop(sql)
    shop.build("run1", "select 1 as a")
    shop.standing.clear()
    shop.record()
    assert shop.history() == []


def test_the_columns_of_an_asset_are_told_in_order_with_what_is_gone_last(sql: Statements) -> None:
    shop = Shop(sql)
    shop.build("run1", "select 1 as z, 'x' as old, 2 as b")
    shop.record()
    shop.build("run2", "select 1 as z, 2::bigint as b, 3 as a")
    shop.record()
    found = StateReader(sql).columns_of(KEY)
    assert [(one.column, one.data_type, one.change, one.before, one.run_id) for one in found] == [
        ("z", "INTEGER", "added", None, "run1"), ("b", "BIGINT", "retyped", "INTEGER", "run2"), ("a", "INTEGER", "added", None, "run2"),
        ("old", "VARCHAR", "removed", "VARCHAR", "run2"),
    ]  # fmt: skip
    assert found[0].at is not None
    assert StateReader(sql).columns_of("model.none") == []
    assert isinstance(found[0], ColumnChange)


def test_the_catalog_is_asked_for_the_schemas_of_what_changed(sql: Statements) -> None:
    shop = Shop(sql)
    shop.build("run1", "select 1 as a")
    asked: list[Any] = []

    class Catalog:
        def catalog(self, schemas: Any) -> dict[RelationName, Standing]:
            asked.append(list(schemas))
            return {RelationName("db", "main", "a"): Standing("table", (("a", "INTEGER"),))}

    for _ in range(2):
        record_built_columns(sql, graph("model.a -> model.b"), "db", Catalog())  # type: ignore[arg-type]
    assert asked == [[("db", "main")]]
    assert [row[1:4] for row in shop.history()] == [("a", "INTEGER", "added")]


columns = st.dictionaries(st.sampled_from(["a", "b", 'it"s', "C"]), st.sampled_from(["INTEGER", "VARCHAR"])).map(
    lambda found: list(found.items())
)


@settings(max_examples=200)
@given(before=columns, now=columns)
def test_changes_applied_to_what_was_give_what_is(before: Columns, now: Columns) -> None:
    places = {name: (place, kind) for place, (name, kind) in enumerate(before)}
    rows: list[ColumnRow] = list(changed_columns("r", KEY, before, now))
    for row in rows:
        assert places.pop(row.column, None) != (row.position, row.data_type) or row.removed
        if not row.removed:
            places[row.column] = (row.position, row.data_type)
    assert [(name, kind) for name, (_, kind) in sorted(places.items(), key=lambda item: item[1][0])] == list(now)
    assert bool(rows) == (before != now)
