"""What was measured is recorded with the data: by the native protocol, by dbt's hooks, and for each partition."""

from __future__ import annotations

from typing import Any

import pytest
from attempt_world import NOON, World
from penstock.app.reading import _COLLECTED
from penstock.assets.dimensions import TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.metrics import Level, Metrics
from penstock.assets.names import quote
from penstock.assets.partitions import PartitionSpec
from penstock.errors import CommitLost, WarehouseError
from penstock.runner.commit import Publication, hooks_sql, publish
from penstock.runner.partition_commit import PartitionPublication

SPEC = PartitionSpec((TimeDimension("day", Grain.DAY, "2024-01-01"),))
NAME = 'it\'s "m"'
ROWS = """select day, if(n > 5, null, n) as n, 'x' as "e ""mail" from (
    select timestamp '2024-01-01' + to_hours(i * 5) as day, i as n from range(12) as r(i) where i not between 5 and 9)"""
"""Five rows of the first day, two of the third."""
RECORDED = 'select "partition", "rows", columns, nulls from penstock.materialization order by "partition"'
MEASURED = 'select "partition", "column", nulls, smallest, largest, quantiles[3] from penstock.column_metric_history where "column" = \'n\' order by 1'
NAMES = ["day", "n", 'e "mail']


@pytest.fixture
def world() -> World:
    made = World({})
    made.sql.connection.execute(f"create table {quote(NAME)} as {ROWS}")
    return made


def publication(world: World, level: Level, **more: Any) -> Publication:
    world.claim([("m", "")])
    token = world.context.tokens["m", ""]
    values = {"relation": quote(NAME), "relation_type": "table", "metrics": Metrics(level), **more}
    return Publication(
        run_id="r1", asset="m", token=token, relation_name="m", code_version="c", executor="native", inputs=(), started_at=NOON, **values
    )


@pytest.mark.parametrize(("level", "nulls"), [(Level.OFF, None), (Level.LIGHT, [0, 2, 0]), (Level.FULL, [0, 2, 0])])
def test_the_record_of_a_table_says_what_was_measured(world: World, level: Level, nulls: list[int] | None) -> None:
    publish(world.sql, publication(world, level), lambda: None, lambda: NOON)
    assert world.rows(RECORDED) == [("", 7, NAMES if nulls else None, nulls)]
    full = [("", "n", 2, "0", "4", 2.0)]
    assert world.rows(MEASURED) == {Level.OFF: [], Level.LIGHT: [("", "n", 2, None, None, None)], Level.FULL: full}[level]


def test_dbts_hooks_count_the_same(world: World) -> None:
    connection = world.sql.connection
    first, last = hooks_sql(world.sql.schema, publication(world, Level.FULL), NOON)
    for text in (first, last):
        connection.execute(text)
    assert world.rows(RECORDED) == [("", 7, NAMES, [0, 2, 0])]


def test_of_a_view_nothing_is_measured(world: World) -> None:
    world.sql.connection.execute(f"create view v as {ROWS}")
    publish(world.sql, publication(world, Level.FULL, relation="v", relation_type="view"), lambda: None, lambda: NOON)
    assert world.rows(RECORDED) == [("", None, None, None)]
    assert world.rows("from penstock.metric_history") == world.rows("from penstock.column_metric") == []


def test_what_is_not_published_leaves_no_metrics(world: World) -> None:
    what = publication(world, Level.FULL, checks=lambda sql: sql.connection.execute("select error('no')"))
    with pytest.raises(WarehouseError, match="no"):
        publish(world.sql, what, lambda: None, lambda: NOON)
    with pytest.raises(CommitLost):
        what.read_back(world.sql)
    assert world.rows("from penstock.column_metric") == []


def test_metrics_are_forgotten_with_their_run(world: World) -> None:
    publish(world.sql, publication(world, Level.FULL), lambda: None, lambda: NOON)
    world.sql.run("gc_column_metric", {"runs": ["another"]})
    assert world.rows("select count(*) from penstock.column_metric") == [(3,)]
    world.sql.run("gc_column_metric", {"runs": ["r1"]})
    assert world.rows("from penstock.column_metric") == []
    assert _COLLECTED.index("column_metric") < _COLLECTED.index("materialization")


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("size", [1, 2, 4])
def test_each_partition_has_metrics_of_its_own_however_many_are_written_together(world: World, level: Level, size: int) -> None:
    for part in SPEC.parse("2024-01-01..2024-01-04", NOON).chunks(size):
        world.claim(("m", one.key) for one in part)
        tokens = {one.key: world.context.tokens["m", one.key] for one in part}
        shared = Publication(
            "r1", "m", 0, quote(NAME), "m", "table", "c", "native", (), NOON, recreates=False, metrics=Metrics(level),
        )  # fmt: skip
        publish(world.sql, PartitionPublication(shared, part, tokens, {}, "duckdb"), lambda: None, lambda: NOON)
    counted = level is not Level.OFF
    assert world.rows(RECORDED) == [
        (f"2024-01-0{day}", rows, NAMES if counted else None, nulls if counted else None)
        for day, rows, nulls in ((1, 5, [0, 0, 0]), (2, 0, [0, 0, 0]), (3, 2, [0, 2, 0]), (4, 0, [0, 0, 0]))
    ]
    if level is Level.FULL:
        assert world.rows(MEASURED)[0] == ("2024-01-01", "n", 0, "0", "4", 2.0)
        assert world.rows(
            'select count(*) from penstock.column_metric as m join penstock.materialization as t using (asset, "partition", token)'
        ) == [(6,)]
