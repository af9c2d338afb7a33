"""Retries, timeouts and pools: what a file may say, what goes before what, and every mistake with its file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.assets.asset import Asset, IngestSpec, Kind
from penstock.assets.limits import LONGEST_WAIT, NO_LIMITS, Failure, Limits, Retries, limits_in, limits_of
from penstock.errors import ConfigError, Problems

POOLS = ("api", "heavy")


def model(said: Any = None, name: str = "orders") -> Asset:
    config = {"meta": {"penstock": said}} if said is not None else {}
    return Asset(f"model.shop.{name}", Kind.MODEL, name, path=f"models/{name}.sql", materialized="table", config=config)


def ingest(**said: Any) -> Asset:
    spec = IngestSpec("ingest/raw/orders.sql", "select 1", **said)
    return Asset("ingest.raw.orders", Kind.INGEST, "orders", path="ingest/raw/orders.sql", ingest=spec)


def read(asset: Asset, defaults: Limits = NO_LIMITS) -> Limits:
    return limits_of(asset, defaults, POOLS)


def test_who_says_nothing_has_one_attempt_and_all_the_time() -> None:
    assert read(model()) == read(ingest()) == read(model({})) == NO_LIMITS
    assert (NO_LIMITS.retries.attempts, NO_LIMITS.timeout, NO_LIMITS.pool) == (1, None, "")


def test_a_header_and_meta_say_the_same_in_the_same_words() -> None:
    said: dict[str, Any] = {
        "retries": {"attempts": 4, "backoff": "2m", "jitter": 0.5, "on": ["timeout", "any"]},
        "timeout": "30s",
        "pool": "api",
    }
    wanted = Limits(Retries(4, 120.0, 0.5, frozenset({"timeout", "any"})), 30.0, "api")
    assert read(model(said)) == read(ingest(**said)) == wanted


def test_an_asset_goes_before_the_defaults_key_by_key() -> None:
    defaults = Limits(Retries(5, 10.0, 0.1, frozenset({"any"})), 60.0)
    assert read(model(), defaults) == read(ingest(), defaults) == defaults
    assert read(model({"retries": {"attempts": 2}}), defaults) == Limits(Retries(2, 10.0, 0.1, frozenset({"any"})), 60.0)
    assert read(ingest(timeout="5m"), defaults) == Limits(defaults.retries, 300.0)


def test_a_default_timeout_can_be_lifted() -> None:
    assert read(model({"timeout": "none"}), Limits(timeout=60.0)).timeout is None


def test_one_word_is_a_list_of_one_and_zero_needs_no_unit() -> None:
    assert read(model({"retries": {"on": "timeout", "backoff": 0}})).retries == Retries(1, 0.0, 0.0, frozenset({"timeout"}))


@pytest.mark.parametrize("key", ["on", "true", True])
def test_on_is_understood_as_dbt_reads_it(key: Any) -> None:
    """In YAML 1.1, which dbt reads, `on` is a boolean."""
    assert read(model({"retries": {key: ["timeout"]}})).retries.on == {"timeout"}


@pytest.mark.parametrize(
    ("said", "words", "hint"),
    [
        ({"retries": {"atempts": 3}}, "unknown key `retries.atempts`", "`attempts`"),
        ({"retries": 3}, "`retries: 3` is no mapping", "attempts: 3"),
        ({"retries": {"attempts": 0}}, "`retries.attempts: 0`", "3 are two retries"),
        ({"retries": {"attempts": True}}, "`retries.attempts: True`", ""),
        ({"retries": {"attempts": "3"}}, "`retries.attempts: 3`", ""),
        ({"retries": {"backoff": 5}}, "`retries.backoff: 5` is not a duration", "30m"),
        ({"retries": {"backoff": False}}, "`retries.backoff: False` is not a duration", ""),
        ({"retries": {"backoff": "soon"}}, "`retries.backoff: soon`", ""),
        ({"retries": {"jitter": 2}}, "`retries.jitter: 2`", "0 to 1"),
        ({"retries": {"on": ["transiant"]}}, "does not know `transiant`", "`transient`"),
        ({"retries": {"on": []}}, "`retries.on: []` is no list", ""),
        ({"timeout": "0s"}, "`timeout: 0s` leaves no time", "none"),
        ({"timeout": 30}, "`timeout: 30` is not a duration", "30m"),
        ({"pool": "haevy"}, "the pool `haevy` is not in penstock.yml", "`heavy`"),
        ({"pool": "zzz"}, "the pool `zzz` is not in penstock.yml", "pools: {zzz: 2}"),
    ],
)
def test_a_mistake_names_its_file_and_a_remedy(said: Any, words: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(model(said))
    assert words in str(caught.value) and str(caught.value).startswith("models/orders.sql: ")
    assert hint in caught.value.hint


def test_all_mistakes_of_all_assets_are_told_together() -> None:
    wrong = [
        model({"timeout": "soon", "pool": "x", "retries": {"attempts": 0}}),
        model({"pool": "api"}, "good"),
        ingest(timeout="later"),
    ]
    with pytest.raises(Problems) as caught:
        limits_in(wrong, NO_LIMITS, POOLS)
    files = [str(problem.at) for problem in caught.value.problems]
    assert files == ["models/orders.sql"] * 3 + ["ingest/raw/orders.sql"]


def test_only_what_can_run_has_limits() -> None:
    source = Asset("source.shop.raw.x", Kind.SOURCE, "x", config={"meta": {"penstock": {"pool": "nowhere"}}})
    assert limits_in([source, model({"pool": "api"})], NO_LIMITS, POOLS) == {1: Limits(pool="api")}


def test_a_wait_doubles_up_to_an_hour() -> None:
    retries = Retries(attempts=100, backoff=10.0)
    assert [retries.wait(done, 0.9) for done in (1, 2, 3, 4)] == [10, 20, 40, 80]
    assert retries.wait(99, 0.1) == LONGEST_WAIT
    assert Retries(backoff=0.0, jitter=1.0).wait(5, 1.0) == 0


@given(st.floats(0, 100), st.floats(0, 1), st.integers(1, 2000), st.floats(0, 1))
def test_jitter_moves_a_wait_by_no_more_than_its_share(backoff: float, jitter: float, done: int, chance: float) -> None:
    plain, moved = Retries(backoff=backoff).wait(done, chance), Retries(backoff=backoff, jitter=jitter).wait(done, chance)
    assert plain * (1 - jitter) * 0.999 <= moved <= plain * (1 + jitter) * 1.001
    assert moved >= 0


def test_jitter_goes_both_ways() -> None:
    retries = Retries(backoff=10.0, jitter=0.5)
    assert [retries.wait(1, chance) for chance in (0.0, 0.5, 1.0)] == [5, 10, 15]


@pytest.mark.parametrize(
    ("on", "again"),
    [
        ({"transient"}, {Failure.TRANSIENT}),
        ({"timeout"}, {Failure.TIMEOUT}),
        ({"any"}, {Failure.TRANSIENT, Failure.TIMEOUT, Failure.OTHER}),
    ],
)
def test_what_is_permanent_is_never_tried_again(on: set[str], again: set[Failure]) -> None:
    retries = Retries(attempts=3, on=frozenset(on))
    assert {failure for failure in Failure if retries.again(1, failure)} == again


def test_attempts_count_the_first_one_too() -> None:
    assert [Retries(attempts=3).again(done, Failure.TRANSIENT) for done in (1, 2, 3)] == [True, True, False]
    assert not Retries().again(1, Failure.TRANSIENT)


def test_configs_that_are_one_object_mean_the_same_and_headers_go_their_own_way() -> None:
    shared = model({"pool": "api"})
    twin = Asset("model.shop.twin", Kind.MODEL, "twin", path="models/twin.sql", materialized="table", config=shared.config)
    loaded = Asset("source.shop.raw.orders", Kind.SOURCE, "orders", config=shared.config, ingest=ingest(pool="heavy").ingest)
    assert limits_in([shared, twin, loaded, shared], NO_LIMITS, POOLS) == {
        0: Limits(pool="api"), 1: Limits(pool="api"), 2: Limits(pool="heavy"), 3: Limits(pool="api")
    }  # fmt: skip
    broken = [model({"pool": "nowhere"}, name) for name in ("a", "b")]
    with pytest.raises(Problems) as caught:
        limits_in(broken, NO_LIMITS, POOLS)
    assert [str(problem.at) for problem in caught.value.problems] == ["models/a.sql", "models/b.sql"]
