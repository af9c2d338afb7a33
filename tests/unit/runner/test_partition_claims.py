"""Claims on ranges of partitions: made shortly before their turn, given back where the turn never comes."""

from __future__ import annotations

from datetime import datetime

import pytest
from attempt_world import World
from penstock.assets.dimensions import TimeDimension
from penstock.assets.grains import Grain
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSpec
from penstock.errors import WarehouseError
from penstock.runner.partition_claims import AHEAD, PartitionClaims
from penstock.state.store import Statements

DAYS = PartitionSpec((TimeDimension("day", Grain.DAY, "2024-01-01"),))


def parts(count: int, size: int) -> list[PartitionRange]:
    return list(DAYS.parse(f"2024-01-01..2024-{count // 28 + 1:02}-{count % 28 + 1:02}", datetime(2025, 1, 1)).chunks(size))


@pytest.fixture
def world() -> World:
    return World({})


def claimed(world: World) -> list[str]:
    return [key for (key,) in world.rows("select \"partition\" from penstock.claim where asset = 'm' order by token")]


def test_some_ranges_are_claimed_together_and_the_others_at_their_turn(world: World) -> None:
    ranges = parts(60, 1)
    claims = PartitionClaims(world.context, "m", ranges)
    assert claimed(world) == []
    for place in range(AHEAD):
        claims.reach(place)
        assert claimed(world) == [one.first_key for one in ranges[:AHEAD]]
    claims.reach(AHEAD)
    assert claimed(world) == [one.first_key for one in ranges[: 2 * AHEAD]]
    assert {key for _, key in world.context.tokens} == set(claimed(world))


def test_a_range_of_many_partitions_is_claimed_alone(world: World) -> None:
    claims = PartitionClaims(world.context, "m", parts(60, AHEAD + 5))
    claims.reach(0)
    assert len(claimed(world)) == AHEAD + 5


def test_a_range_that_is_reached_before_those_ahead_of_it_claims_them_too(world: World) -> None:
    claims = PartitionClaims(world.context, "m", parts(60, 1))
    claims.reach(AHEAD + 3)
    assert len(claimed(world)) == AHEAD + 4


def test_the_last_range_ends_the_claims(world: World) -> None:
    ranges = parts(20, 7)
    claims = PartitionClaims(world.context, "m", ranges)
    for place in range(len(ranges)):
        claims.reach(place)
    assert len(claimed(world)) == sum(map(len, ranges))


def test_what_is_given_back_is_claimed_by_nobody(world: World) -> None:
    claims = PartitionClaims(world.context, "m", parts(60, 1))
    claims.reach(0)
    claims.release(3)
    claims.release(40)
    assert len(claimed(world)) == AHEAD - 1
    assert "2024-01-04" not in claimed(world)


def test_a_claim_that_meets_an_open_fence_is_not_made_and_may_be_made_later(world: World) -> None:
    claims = PartitionClaims(world.context, "m", parts(60, 1))
    PartitionClaims(world.context, "m", parts(60, 1)).reach(0)
    other = Statements(world.warehouse.connect(), "penstock")
    other.connection.begin()
    other.run("fence", {"asset": "m", "partition": "2024-01-02", "claimed_at": datetime(2024, 1, 1)})
    before = dict(world.context.tokens)
    with pytest.raises(WarehouseError):
        claims.reach(0)
    assert world.context.tokens == before
    other.connection.rollback()
    claims.reach(0)
    assert min(world.context.tokens.values()) > max(before.values())
