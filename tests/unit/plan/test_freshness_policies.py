"""When a model that is due only for newer data waits: every policy, with the clock as an argument."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from penstock.assets.asset import Asset, EdgeKind, Kind, SourceSpec
from penstock.assets.freshness import Criteria, Policy, criteria_of, model_criteria, parse_duration, policy_of
from penstock.assets.names import RelationName
from penstock.assets.records import Attempt, InputVersion, Materialization, Observation, StateSnapshot, Strength
from penstock.errors import ConfigError, Problems
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts
from penstock.plan.planner import PlanRow, decide, make_plan
from penstock.plan.reasons import Decision

BUILT = datetime(2024, 1, 1, 12)
A, B, SEED, VIEW, SEED_VIEW, EPH, FACT, MART = (
    "source.shop.raw.a", "source.shop.raw.b", "seed.shop.s", "model.shop.v", "model.shop.sv", "model.shop.e", "model.shop.fact",
    "model.shop.mart",
)  # fmt: skip
BUILD_AFTER = {"freshness": {"build_after": {"count": 4, "period": "hour"}}}
ALL = {"freshness": {"build_after": {"count": None, "period": None, "updates_on": "all"}}}
TOLERANCE = {"state": {"lag_tolerance": "90m"}}
HOUR = timedelta(hours=1)


def asset(key: str, kind: Kind, materialized: str, **more: Any) -> Asset:
    name = key.rsplit(".", maxsplit=1)[-1]
    relation = None if materialized == "ephemeral" else RelationName("db", "main", name)
    return Asset(key=key, kind=kind, name=name, path=f"{name}.sql", materialized=materialized, fingerprint="v1", relation=relation, **more)


class World:
    """a -> e (ephemeral) -> fact, b -> v (view) -> fact, s (seed) -> sv (view) -> fact, fact -> mart; all current at noon."""

    def __init__(self, config: dict[str, Any] | None = None, *, mart: dict[str, Any] | None = None) -> None:
        data = EdgeKind.DATA
        self.graph = AssetGraph(
            [
                asset(A, Kind.SOURCE, "", source=SourceSpec("raw")),
                asset(B, Kind.SOURCE, "", source=SourceSpec("raw")),
                asset(SEED, Kind.SEED, "seed"),
                asset(VIEW, Kind.MODEL, "view", config=TOLERANCE),
                asset(SEED_VIEW, Kind.MODEL, "view"),
                asset(EPH, Kind.MODEL, "ephemeral"),
                asset(FACT, Kind.MODEL, "table", config=config or {}),
                asset(MART, Kind.MODEL, "table", config=mart or {}),
            ],
            [(A, EPH, data), (EPH, FACT, data), (B, VIEW, data), (VIEW, FACT, data), (SEED, SEED_VIEW, data), (SEED_VIEW, FACT, data),
             (FACT, MART, data)],
        )  # fmt: skip
        self.versions = {A: "1:c:s", B: "1:c:s"}
        self.made = {
            key: Materialization(key, "", "run0", number, "v1", f"{number}:c:s", 1, key, BUILT, kind, fingerprints=frozenset({"v1"}))
            for number, (key, kind) in enumerate(
                [(SEED, "table"), (VIEW, "view"), (SEED_VIEW, "view"), (FACT, "table"), (MART, "table")], 1
            )
        }
        self.inputs = {
            VIEW: (InputVersion(B, "1:c:s"),),
            SEED_VIEW: (InputVersion(SEED, "1:c:s"),),
            FACT: tuple(InputVersion(key, version) for key, version in (
                (A, "1:c:s"), (B, "1:c:s"), (SEED, "1:c:s"), (VIEW, "2:c:s"), (SEED_VIEW, "3:c:s"),
            )),
            MART: (InputVersion(FACT, "4:c:s"),),
        }  # fmt: skip
        self.attempts: dict[str, Attempt] = {}
        self.force = False
        self.gone: set[str] = set()

    def newer(self, *keys: str) -> World:
        self.versions |= dict.fromkeys(keys, "2:c:s")
        return self

    def configured(self, key: str, config: dict[str, Any]) -> World:
        assets = [dataclasses.replace(one, config=config) if one.key == key else one for one in self.graph.assets]
        self.graph = AssetGraph(assets, self.graph.edges())
        return self

    def change(self, key: str, **values: Any) -> World:
        self.made[key] = dataclasses.replace(self.made[key], **values)
        return self

    def facts(self, after: timedelta) -> Facts:
        standing = {
            RelationName("db", "main", key.rsplit(".", maxsplit=1)[-1]): made.relation_type
            for key, made in self.made.items() if key not in self.gone
        }  # fmt: skip
        observed = {
            key: Observation(key, version, Strength.CONTENT if version else Strength.UNKNOWN) for key, version in self.versions.items()
        }
        return Facts(
            graph=self.graph, state=StateSnapshot(self.made, self.inputs, self.attempts), selected=frozenset(range(len(self.graph))),
            standing=standing, observed=observed, database="db", now=BUILT + after, force=self.force,
        )  # fmt: skip

    def rows(self, after: timedelta) -> dict[str, PlanRow]:
        return {row.asset: row for row in make_plan(self.facts(after)).rows}

    def said(self, after: timedelta, key: str = FACT) -> str:
        row = self.rows(after)[key]
        return f"{row.decision.value} {row.reason.value}"


@pytest.mark.parametrize(
    ("config", "after", "expected"),
    [
        ({}, HOUR, "BUILD upstream_newer"),
        (BUILD_AFTER, HOUR, "REUSE build_after_not_due"),
        (BUILD_AFTER, 4 * HOUR - timedelta(seconds=1), "REUSE build_after_not_due"),
        (BUILD_AFTER, 4 * HOUR, "BUILD upstream_newer"),
        (TOLERANCE, HOUR, "REUSE lag_tolerated"),
        (TOLERANCE, 1.5 * HOUR, "BUILD upstream_newer"),
        ({"lag_tolerance": "2 hours"}, HOUR, "REUSE lag_tolerated"),
        ({"meta": {"lag_tolerance": {"count": 2, "period": "hour"}}}, HOUR, "REUSE lag_tolerated"),
        ({"meta": {"penstock": {"lag_tolerance": "2h"}, "lag_tolerance": "1m"}}, HOUR, "REUSE lag_tolerated"),
        ({**BUILD_AFTER, **TOLERANCE}, 2 * HOUR, "REUSE build_after_not_due"),
        ({**BUILD_AFTER, "state": {"lag_tolerance": "1d"}}, 5 * HOUR, "REUSE lag_tolerated"),
        ({"freshness": {"build_after": {"count": 0, "period": "minute"}}}, timedelta(0), "BUILD upstream_newer"),
        (BUILD_AFTER, -HOUR, "BUILD upstream_newer"),
    ],
    ids=str,
)
def test_newer_data_waits_until_the_time_since_the_last_build_has_passed(config: Any, after: timedelta, expected: str) -> None:
    assert World(config).newer(A).said(after) == expected


def test_the_moment_from_which_on_it_is_due_stands_in_the_detail() -> None:
    assert World(BUILD_AFTER).newer(A).rows(HOUR)[FACT].detail == "due from 2024-01-01 16:00 UTC on"


def test_without_newer_data_it_is_fresh_before_and_after() -> None:
    world = World(BUILD_AFTER)
    assert [world.said(after) for after in (HOUR, 9 * HOUR)] == ["REUSE fresh", "REUSE fresh"]


def test_readers_of_what_is_held_back_do_not_wait_for_it() -> None:
    assert World(BUILD_AFTER).newer(A).said(HOUR, MART) == "REUSE fresh"
    assert World({}).newer(A).said(HOUR, MART) == "MAYBE upstream_may_change"
    held = World({}, mart=BUILD_AFTER).newer(A)
    assert (held.said(HOUR), held.said(HOUR, MART)) == ("BUILD upstream_newer", "REUSE build_after_not_due")


def test_unknown_evidence_is_no_newer_than_what_may_wait() -> None:
    world = World(BUILD_AFTER)
    world.versions[A] = ""
    assert [world.said(after) for after in (HOUR, 5 * HOUR)] == ["REUSE build_after_not_due", "BUILD unknown_evidence"]


@pytest.mark.parametrize("config", [BUILD_AFTER, TOLERANCE, {**ALL, "state": {"lag_tolerance": "4h"}}], ids=str)
def test_nothing_but_newer_data_is_held_back(config: Any) -> None:
    def of(change: Any) -> str:
        world = World(config).newer(A)
        change(world)
        return world.said(timedelta(minutes=1))

    assert of(lambda world: setattr(world, "force", True)) == "BUILD forced"
    assert of(lambda world: world.made.pop(FACT)) == "BUILD never_built"
    assert of(lambda world: world.gone.add(FACT)) == "BUILD relation_missing"
    assert of(lambda world: world.change(FACT, fingerprints=frozenset({"other"}))) == "BUILD code_changed"
    assert of(lambda world: world.attempts.update({FACT: Attempt(FACT, "", "failed", "run1", "no")})) == "BUILD previous_failed"


@pytest.mark.parametrize(
    ("config", "after", "expected"),
    [
        ({}, HOUR, "BUILD volatile"),
        (BUILD_AFTER, HOUR, "REUSE build_after_not_due"),
        (BUILD_AFTER, 4 * HOUR, "BUILD ttl_expired"),
        (TOLERANCE, HOUR, "REUSE lag_tolerated"),
        (TOLERANCE, 2 * HOUR, "BUILD ttl_expired"),
        (ALL, HOUR, "BUILD volatile"),
    ],
    ids=str,
)
def test_a_volatile_query_is_due_when_its_time_has_passed_and_at_every_run_without_one(
    config: Any, after: timedelta, expected: str
) -> None:
    assert World(config).change(FACT, volatile="now()").said(after) == expected


@pytest.mark.parametrize(
    ("newer", "expected"),
    [
        ((), "REUSE fresh"),
        ((A,), "REUSE waiting_all_parents"),
        ((B,), "REUSE waiting_all_parents"),
        ((A, B), "BUILD upstream_newer"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "config",
    [ALL, {"state": {"require_fresh_data_from": "all"}}, {"meta": {"penstock": {"require_fresh_data_from": "all"}}},
     {"require_fresh_data_from": "all"}],
    ids=str,
)  # fmt: skip
def test_it_waits_for_all_parents_through_views_and_ephemerals_but_not_for_seeds(config: Any, newer: Any, expected: str) -> None:
    assert World(config).newer(*newer).said(HOUR) == expected


def test_the_parents_waited_for_are_named() -> None:
    assert World(ALL).newer(A).rows(HOUR)[FACT].detail == "v"
    assert World(ALL).newer(B).rows(HOUR)[FACT].detail == "e"


def test_a_parent_whose_version_nobody_knows_may_hold_newer_data() -> None:
    world = World(ALL).newer(A)
    world.versions[B] = ""
    assert world.said(HOUR) == "BUILD unknown_evidence"


def test_both_policies_of_one_model_must_allow_it() -> None:
    both = {"freshness": {"build_after": {"count": 1, "period": "hour", "updates_on": "all"}}}
    said = [World(both).newer(*keys).said(after) for keys in ((A,), (A, B)) for after in (HOUR / 2, HOUR)]
    assert said == ["REUSE build_after_not_due", "REUSE waiting_all_parents", "REUSE build_after_not_due", "BUILD upstream_newer"]


def maybe_world(config: dict[str, Any]) -> World:
    """A world in which mart reads the source b too, and fact is due."""
    world = World({}, mart=config).newer(A)
    world.graph = AssetGraph(world.graph.assets, [*world.graph.edges(), (B, MART, EdgeKind.DATA)])
    world.inputs[MART] = (*world.inputs[MART], InputVersion(B, "1:c:s"))
    return world


def test_what_may_still_get_newer_data_in_this_run_is_decided_in_it() -> None:
    assert maybe_world({}).said(HOUR, MART) == "MAYBE upstream_may_change"
    assert maybe_world(ALL).said(HOUR, MART) == "REUSE waiting_all_parents", "b has nothing new, whatever fact gets"
    assert maybe_world(ALL).newer(B).said(HOUR, MART) == "MAYBE upstream_may_change", "b has, and fact may"
    assert maybe_world({}).newer(B).said(HOUR, MART) == "BUILD upstream_newer"


@pytest.mark.parametrize(
    ("config", "version", "expected"),
    [
        (ALL, "4:c:s", "REUSE waiting_all_parents"),
        (ALL, "9:c:s", "BUILD upstream_newer"),
        ({}, "4:c:s", "BUILD upstream_newer"),
    ],
    ids=str,
)
def test_the_decision_in_the_run_follows_what_the_parents_hold_then(config: Any, version: str, expected: str) -> None:
    world = maybe_world(config).newer(B)
    facts = world.facts(HOUR)
    versions = facts.new_versions()
    made = world.made[FACT]
    versions.built(Materialization(FACT, "", "run1", 9, "v1", version, 1, FACT, BUILT, fingerprints=made.fingerprints), world.inputs[FACT])
    row = decide(facts, versions, PlanRow(facts.graph.ids[MART], MART, Decision.MAYBE, make_plan(facts).rows[-1].reason))
    assert f"{row.decision.value} {row.reason.value}" == expected


def test_a_view_holds_no_rows_and_so_never_waits() -> None:
    world = World().newer(B)
    assert world.said(timedelta(minutes=1), VIEW) == "REUSE fresh"
    assert world.said(timedelta(minutes=1)) == "BUILD upstream_newer"
    volatile = World().configured(VIEW, {**TOLERANCE, "meta": {"penstock": {"volatile": True}}})
    assert volatile.said(timedelta(minutes=1), VIEW) == "BUILD volatile"


def test_what_cannot_be_understood_is_one_message_for_each_model() -> None:
    with pytest.raises(Problems) as caught:
        World({"state": {"lag_tolerance": "soon"}}, mart={"freshness": {"build_after": {"count": "4", "period": "hour"}}}).rows(HOUR)
    first, second = map(str, caught.value.problems)
    assert first == "fact.sql: fact: `lag_tolerance: soon` is not a duration"
    assert second.startswith("mart.sql: mart: `build_after:")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("4h", 14400), ("1d", 86400), ("2 weeks", 1209600), ("45 seconds", 45), ("1.5h", 5400), ("4H", 14400),
     ({"count": 3, "period": "day"}, 259200)],
)  # fmt: skip
def test_durations_are_written_as_dbt_writes_them(text: Any, seconds: float) -> None:
    assert parse_duration(text, "lag_tolerance") == seconds


@pytest.mark.parametrize(
    "text", ["", "4", "h", "4 fortnights", "-4h", 4, None, True, {}, {"count": 1}, {"count": 1, "period": "week"}], ids=str
)
def test_anything_else_is_no_duration(text: Any) -> None:
    with pytest.raises(ConfigError):
        parse_duration(text, "lag_tolerance")


def test_a_requirement_is_any_or_all() -> None:
    assert policy_of({"state": {"require_fresh_data_from": "any"}}) == policy_of({}) == Policy()
    with pytest.raises(ConfigError, match="neither"):
        policy_of({"state": {"require_fresh_data_from": "most"}})


def test_the_models_own_state_goes_before_a_folders_meta() -> None:
    config = {"state": {"lag_tolerance": "1h"}, "lag_tolerance": "2h", "meta": {"penstock": {"lag_tolerance": "3h"}, "lag_tolerance": "4h"}}
    found = []
    for drop in (lambda: config.pop("state"), lambda: config.pop("lag_tolerance"), lambda: config["meta"].pop("penstock"), lambda: None):
        found.append(policy_of(config).lag_tolerance)
        drop()
    assert found == [HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR]


def test_criteria_are_dbts() -> None:
    both = criteria_of({"warn_after": {"count": 1, "period": "minute"}, "error_after": {"count": 1, "period": "hour"}, "filter": None})
    assert both == Criteria(60, 3600)
    assert [both.status(age) for age in (60, 60.1, 3600, 3600.1)] == ["pass", "warn", "warn", "error"]
    assert criteria_of({"warn_after": {"count": None, "period": None}, "error_after": None}) is criteria_of(None) is None
    assert criteria_of({"warn_after": {"count": 0, "period": "day"}}) == Criteria(0, None)
    assert model_criteria({"meta": {"freshness": {"error_after": {"count": 2, "period": "day"}}}}) == Criteria(None, 172800)
    assert model_criteria({"meta": {"penstock": {"freshness": {"warn_after": {"count": 1, "period": "day"}}}}}) == Criteria(86400, None)
