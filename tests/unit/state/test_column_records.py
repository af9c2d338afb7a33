"""Column lineage in the state tables: a row only when something changed, history, and what follows over any number of steps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.app.column_map import COLUMN_QUERIES, column_map, column_map_of, coverage_of
from penstock.app.reading import StateReader
from penstock.errors import WarehouseError
from penstock.graph.column_graph import AssetColumnEdge
from penstock.graph.column_readings import ColumnReading, ColumnsOnRecord
from penstock.graph.column_walk import ColumnMap, Spot
from penstock.parser.column_lineage import Flow
from penstock.state.column_lineage import columns_on_record, is_current, record_readings
from penstock.state.store import Statements
from state_builders import NOON, Story, new_store, rows_of

NAMES = ("model.a", "model.b", "model.c", "model.d")


def reading(key: str, *edges: str, columns: tuple[str, ...] = ("x", "y"), why: tuple[str, ...] = ()) -> ColumnReading:
    """A reading from texts such as `model.a/x passthrough x`, without the last word for its rows."""
    found = []
    for text in edges:
        source, flow, *to = text.split(" ")
        asset, column = source.split("/")
        found.append(AssetColumnEdge(asset, column, key, to[0] if to else "", Flow(flow)))
    return ColumnReading(key, ColumnsOnRecord(f"version of {key}", columns, ("model.a",)), tuple(sorted(found)), why)


def story(*readings: ColumnReading) -> Story:
    told = Story(new_store())
    told.start("run1")
    record_readings(told.sql, "run1", readings, [], "v1")
    return told


def lineage(sql: Statements, source: str = "column_lineage") -> set[str]:
    rows = rows_of(sql, f"select from_asset || '/' || from_column, kind, to_asset || '/' || to_column from {{state}}.{source}")
    return {" ".join(row).replace("model.", "") for row in rows}


def count(sql: Statements, table: str) -> int:
    return int(rows_of(sql, f"select count(*) from {{state}}.{table}")[0][0])


B = reading("model.b", "model.a/x renamed y", "model.a/y filter")


def test_what_is_recorded_is_read_back() -> None:
    sql = story(B).sql
    assert lineage(sql) == {"a/x renamed b/y", "a/y filter b/"}
    assert columns_on_record(sql) == {"model.b": B.on_record}
    assert is_current(sql, "v1") and not is_current(sql, "v2")


def test_the_same_once_more_writes_no_edge() -> None:
    told = story(B)
    told.start("run2")
    record_readings(told.sql, "run2", [B], [], "v2")
    assert count(told.sql, "column_edge") == 2
    assert is_current(told.sql, "v2")


def test_a_change_writes_what_differs_alone() -> None:
    told = story(B, reading("model.c", "model.b/y passthrough y"))
    told.start("run2")
    record_readings(told.sql, "run2", [reading("model.b", "model.a/x derived y", "model.a/y filter")], [], "v2")
    assert lineage(told.sql) == {"a/x derived b/y", "a/y filter b/", "b/y passthrough c/y"}
    assert count(told.sql, "column_edge") == 3 + 2


def test_what_comes_back_is_there_again() -> None:
    told = story(B)
    for run, one in (("run2", reading("model.b")), ("run3", B)):
        told.start(run)
        record_readings(told.sql, run, [one], [], run)
    assert lineage(told.sql) == {"a/x renamed b/y", "a/y filter b/"}


def test_an_asset_that_is_gone_has_no_lineage_and_is_forgotten_once() -> None:
    told = story(B)
    told.start("run2")
    record_readings(told.sql, "run2", [], ["model.b"], "v2")
    assert lineage(told.sql) == set()
    assert columns_on_record(told.sql) == {}


def test_a_doubt_carries_its_reason_and_a_new_reason_is_a_new_row() -> None:
    told = story(reading("model.b", "model.a/* unknown *", "model.a/x passthrough x", why=("no idea", "really")))
    details = "select kind, detail from {state}.column_lineage order by kind"
    assert rows_of(told.sql, details) == [("passthrough", None), ("unknown", "no idea; really")]
    told.start("run2")
    record_readings(told.sql, "run2", [reading("model.b", "model.a/* unknown *", "model.a/x passthrough x", why=("another",))], [], "v")
    assert rows_of(told.sql, details) == [("passthrough", None), ("unknown", "another")]


def test_a_secret_in_a_reason_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.assets import redact

    monkeypatch.setattr(redact, "_own_secrets", lambda: ("hunter2hunter2",))
    sql = story(reading("model.b", "model.a/* unknown *", why=("near 'hunter2hunter2'",))).sql
    assert "hunter2" not in str(rows_of(sql, "select detail from {state}.column_edge union select reason from {state}.column_coverage"))


def test_coverage_says_how_much_is_known() -> None:
    sql = story(reading("model.b", "model.a/x unknown x", "model.a/y passthrough y", why=("no idea",))).sql
    assert rows_of(sql, "select columns, known, reason from {state}.current_column_coverage") == [(2, 1, "no idea")]


def test_a_failure_while_recording_leaves_nothing_behind() -> None:
    told = story(B)
    told.sql.connection.execute("alter table penstock.column_coverage alter column known set data type tinyint")
    with pytest.raises(WarehouseError):
        record_readings(told.sql, "run2", [reading("model.c", "model.b/y renamed z", columns=tuple(map(str, range(300))))], [], "v2")
    assert lineage(told.sql) == {"a/x renamed b/y", "a/y filter b/"} and is_current(told.sql, "v1")


def test_history_is_told_as_of_a_run_or_a_time() -> None:
    told = story(B)
    told.start("run2")
    record_readings(told.sql, "run2", [reading("model.b", "model.a/x derived y")], [], "v2")
    then, now = {"a/x renamed b/y", "a/y filter b/"}, {"a/x derived b/y"}
    assert lineage(told.sql, "column_lineage_as_of('run1')") == then
    assert lineage(told.sql, "column_lineage_as_of('run2')") == now == lineage(told.sql)
    first = NOON + timedelta(days=1)
    for moment, expected in ((first, then), (first + timedelta(hours=23), then), (first + timedelta(days=1), now), (NOON, set())):
        assert lineage(told.sql, f"column_lineage_as_of(timestamp '{moment}')") == expected
    assert lineage(told.sql, "column_lineage_as_of('no such run')") == set()


def test_any_column_of_an_asset_may_go_on_from_any_column_of_another() -> None:
    sql = story(reading("model.a"), reading("model.b", "model.a/* unknown *"), reading("model.c", "model.b/y passthrough y")).sql
    found = (
        "select to_asset || '/' || to_column, depth from {state}.column_lineage_closure where from_asset = 'model.a' and from_column = 'x'"
    )
    assert set(rows_of(sql, found)) == {("model.b/*", 1), ("model.b/x", 1), ("model.b/y", 1), ("model.c/y", 2)}


def test_what_decides_about_the_rows_of_an_origin_is_an_origin() -> None:
    sql = story(B, reading("model.c", "model.b/y passthrough y")).sql
    found = rows_of(sql, "select asset || '/' || \"column\", depth from {state}.column_origins('model.c', 'y')")
    assert set(found) == {("model.b/y", 1), ("model.a/x", 2), ("model.a/y", 2)}


@st.composite
def worlds(draw: st.DrawFn) -> list[ColumnReading]:
    """Readings of a small graph in order; some lead to rows, some from or to any column, some to the asset itself."""
    found = []
    for number, key in enumerate(NAMES[1:], 1):
        sources = st.tuples(st.sampled_from(NAMES[: number + 1]), st.sampled_from(("x", "y", "*")))
        edges = draw(st.sets(st.tuples(sources, st.sampled_from(("x", "y", "", "*"))), max_size=4))
        found.append(reading(key, *(f"{asset}/{column} derived {to}".rstrip() for (asset, column), to in edges)))
    return found


@pytest.fixture(scope="module")
def told() -> Story:
    return Story(new_store())


def retold(told: Story, readings: list[ColumnReading]) -> ColumnMap:
    """Record other readings in the same store, and return the map of them."""
    for table in ("column_edge", "column_coverage", "edge"):
        rows_of(told.sql, f"delete from {{state}}.{table}")
    record_readings(told.sql, "run1", [reading("model.a"), *readings], [], "v1")
    parents = sorted({(edge.from_asset, one.key) for one in readings for edge in one.edges if edge.from_asset != one.key})
    for above, below in parents:
        rows_of(told.sql, f"insert into {{state}}.edge values ('run1', '{above}', '{below}', 'data', false)")
    return column_map([told.sql.run(name) for name in COLUMN_QUERIES], lambda _: True)


@settings(max_examples=25, deadline=None)
@given(readings=worlds(), start=st.builds(Spot, st.sampled_from(NAMES), st.sampled_from(("x", "y"))))
def test_the_closure_and_both_macros_hold_what_a_walk_finds(told: Story, readings: list[ColumnReading], start: Spot) -> None:
    known = retold(told, readings)
    wanted = {link.target for link in known.downstream([start])}
    begins = f"where from_asset = '{start.asset}' and from_column = '{start.column}'"
    closure = rows_of(told.sql, f"select to_asset, to_column from {{state}}.column_lineage_closure {begins}")
    readers = rows_of(told.sql, f"select asset, \"column\" from {{state}}.column_readers('{start.asset}', '{start.column.upper()}')")
    assert len(closure) == len(set(closure))
    assert set(closure) == set(readers)
    assert {asset for asset, _ in closure} == {spot.asset for spot in wanted}
    assert {(spot.asset, spot.column) for spot in wanted if spot.column != "*"} <= set(closure)
    above = {link.source.asset for link in known.upstream([start])}
    origins = rows_of(told.sql, f"select asset from {{state}}.column_origins('{start.asset}', '{start.column}')")
    assert {name for (name,) in origins} == above


@settings(max_examples=10, deadline=None)
@given(
    edges=st.lists(
        st.sampled_from(["model.a/x derived y", "model.a/y derived x", "model.b/x derived y", "model.b/y derived x"]), unique=True
    )
)
def test_columns_that_feed_each_other_end(told: Story, edges: list[str]) -> None:
    retold(told, [reading("model.b", *edges)])
    assert count(told.sql, "column_lineage_closure") <= 8


def test_a_store_of_an_earlier_version_has_no_column_lineage_to_show() -> None:
    sql = new_store()
    sql.connection.execute("drop table penstock.column_coverage")
    state = StateReader(sql)
    assert column_map_of(state, lambda _: True).columns == {} and coverage_of(state) == []
