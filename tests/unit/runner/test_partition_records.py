"""The records of partitions: the same whether they are written one by one or together, refused where a claim is lost."""

from __future__ import annotations

from typing import Any

import pytest
from attempt_world import NOON, World
from penstock.assets.dimensions import TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSpec
from penstock.assets.records import InputVersion
from penstock.errors import CommitLost, StaleClaim
from penstock.runner.commit import Publication, publish
from penstock.runner.partition_commit import PartitionPublication

SPEC = PartitionSpec((TimeDimension("day", Grain.DAY, "2024-01-01"),))
DAYS = "2024-01-01..2024-01-04"
ROWS = "select timestamp '2024-01-01' + to_hours(i * 5) as day, i as n from range(12) as r(i) where i not between 5 and 9"
"""Five rows of the first day, two of the third."""


def ranges(size: int) -> list[PartitionRange]:
    return list(SPEC.parse(DAYS, NOON).chunks(size))


def publication(world: World, part: PartitionRange, **more: Any) -> PartitionPublication:
    """Return what is to be published of a range, claimed."""
    world.claim(("m", one.key) for one in part)
    tokens = {one.key: world.context.tokens["m", one.key] for one in part}
    what = Publication("r1", "m", 0, "memory.main.m", "m", "table", "code", "native", (), NOON, fingerprint="f", recreates=False)
    inputs = {one.key: (InputVersion("a", one.key, ("x",)), InputVersion("b", "v")) for one in part}
    return PartitionPublication(what, part, tokens, inputs, "duckdb", **more)


def publish_all(size: int) -> tuple[World, dict[str, Any]]:
    world = World({})
    world.sql.connection.execute(f"create table m as {ROWS}")
    found: dict[str, Any] = {}
    for part in ranges(size):
        found |= publish(world.sql, publication(world, part), lambda: None, lambda: NOON)
    return world, found


@pytest.mark.parametrize("size", [1, 2, 3])
def test_partitions_written_one_by_one_or_together_leave_the_same_records(size: int) -> None:
    together, answered = publish_all(4)
    by_parts, also = publish_all(size)
    for query in (
        "select * exclude (token, generation) from penstock.materialization order by all",
        "select * exclude (token) from penstock.materialization_input order by all",
        "select * exclude (token) from penstock.attempt order by all",
    ):
        rows = together.rows(query)
        assert rows
        assert by_parts.rows(query) == rows
    assert {key: (one.rows, one.data_version) for key, one in also.items()} == {
        key: (one.rows, one.data_version) for key, one in answered.items()
    }
    assert [answered[one.key].rows for one in ranges(4)[0]] == [5, 0, 2, 0]


@pytest.mark.parametrize("size", [1, 4])
def test_every_partition_is_recorded_with_its_own_bounds_token_and_inputs(size: int) -> None:
    world, _ = publish_all(size)
    rows = world.rows(
        'select m."partition", m.partition_start, m.partition_end, i.input_version from penstock.materialization as m '
        'join penstock.claim as c using (asset, "partition", token) join penstock.materialization_input as i using (asset, "partition", token) '
        "where i.input = 'a' order by all"
    )
    assert rows == [(one.key, one.start, one.end, one.key) for one in ranges(4)[0]]


@pytest.mark.parametrize("size", [1, 3])
def test_a_claim_that_was_taken_over_publishes_nothing(size: int) -> None:
    world = World({})
    world.sql.connection.execute(f"create table m as {ROWS}")
    what = publication(world, ranges(size)[0])
    world.claim([("m", "2024-01-01")])
    with pytest.raises(StaleClaim, match="taken over"):
        publish(world.sql, what, lambda: None, lambda: NOON)
    with pytest.raises(CommitLost):
        what.read_back(world.sql)
    assert world.rows("select count(*) from penstock.materialization") == [(0,)]


@pytest.mark.parametrize("size", [1, 3])
def test_an_attempt_that_failed_is_recorded_unless_it_committed_after_all(size: int) -> None:
    world = World({})
    world.sql.connection.execute(f"create table m as {ROWS}")
    first, second = (publication(world, part) for part in ranges(size)[:2])
    publish(world.sql, first, lambda: None, lambda: NOON)
    for what in (first, second):
        what.record_failure(world.sql, "failed", "the reply was lost", NOON)
    failed = world.rows("select \"partition\" from penstock.attempt where status = 'failed' order by all")
    assert failed == [(one.key,) for one in ranges(size)[1]]


def test_columns_that_are_known_are_not_asked_for() -> None:
    world = World({})
    world.sql.connection.execute(f"create table m as {ROWS}")
    part = ranges(1)[0]
    known = publish(world.sql, publication(world, part, columns=[("day", "TIMESTAMP"), ("n", "BIGINT")]), lambda: None, lambda: NOON)
    asked = publish(world.sql, publication(world, part), lambda: None, lambda: NOON)
    assert known[part.first_key].data_version == asked[part.first_key].data_version
