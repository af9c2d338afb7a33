"""Every rule, one change at a time: what becomes due, why, and what stays as it is."""

from __future__ import annotations

import dataclasses

import pytest
from penstock.assets.asset import Asset, EdgeKind, IngestSpec, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.assets.records import Attempt, InputVersion, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.conditions import RULES
from penstock.plan.names import display
from penstock.plan.reasons import Decision, Reason
from plan_worlds import CHECK, EPH, FACT, FREE, ORDERS, STG, UNIT, World, asset, built, seen, table, view

ALL = {STG, FACT, CHECK, FREE, UNIT}


def test_where_all_is_current_everything_is_reused() -> None:
    rows = World().rows()
    assert set(rows) == ALL
    assert {(row.decision, row.reason) for row in rows.values()} == {(Decision.REUSE, Reason.FRESH)}


def test_rows_come_in_graph_order_and_only_for_what_can_run() -> None:
    world = World()
    ids = [row.id for row in world.rows().values()]
    assert ids == sorted(ids)
    assert not {ORDERS, EPH} & set(world.rows())


def test_what_was_never_built_is_built_and_what_reads_it() -> None:
    world = World()
    del world.materializations[STG]
    assert world.reasons() == {STG: "never_built", FACT: "unknown_evidence", CHECK: "unknown_evidence"}


def test_a_test_that_never_ran_runs() -> None:
    world = World()
    del world.checks[CHECK]
    assert world.reasons() == {CHECK: "never_built"}


def test_a_relation_that_is_gone_is_built_again() -> None:
    world = World()
    del world.standing[RelationName("db", "main", "fact")]
    assert world.reasons() == {FACT: "relation_missing"}
    assert world.rows()[FACT].detail == "main.fact"


@pytest.mark.parametrize(("key", "name", "kind"), [(FACT, "fact", "view"), (STG, "stg", "table"), (FREE, "free", "view")])
def test_a_relation_that_was_replaced_by_another_type_is_built_again(key: str, name: str, kind: str) -> None:
    world = World()
    world.standing[RelationName("db", "main", name)] = kind
    assert world.reasons()[key] == "relation_missing"
    assert world.rows()[key].detail == f"main.{name} is a {kind}"


def test_a_materialization_of_the_projects_own_may_make_what_it_likes() -> None:
    world = World().change(FACT, materialized="my_own")
    world.standing[RelationName("db", "main", "fact")] = "view"
    assert world.reasons() == {}


def test_a_relation_is_looked_for_without_regard_to_case() -> None:
    assert World().change(FACT, relation=RelationName("", "MAIN", "Fact")).reasons() == {}


def test_changed_code_is_built_and_what_reads_it_through_an_ephemeral_model_may_be() -> None:
    world = World().change(STG, fingerprint="v2")
    assert world.reasons() == {STG: "code_changed", FACT: "upstream_may_change", CHECK: "upstream_may_change"}
    assert {row.decision for key, row in world.rows().items() if key in (FACT, CHECK)} == {Decision.MAYBE}
    assert world.rows()[FACT].detail == "stg"
    assert World().change(FREE, fingerprint="v2").rows()[FREE].detail == "ingest/raw/free.sql"


def test_a_test_whose_code_changed_runs_alone() -> None:
    assert World().change(CHECK, fingerprint="v2").reasons() == {CHECK: "code_changed"}


@pytest.mark.parametrize(("key", "runs"), [(FACT, True), (EPH, True), (STG, False)])
def test_a_unit_test_runs_when_its_model_or_what_that_reads_has_other_code(key: str, runs: bool) -> None:
    assert (UNIT in World().change(key, fingerprint="v2").reasons()) is runs


def test_a_unit_test_does_not_run_for_new_data() -> None:
    world = World()
    world.observed[ORDERS] = seen(ORDERS, "o2")
    assert UNIT not in world.reasons()


@pytest.mark.parametrize("status", ["failed", "crashed", "cancelled"])
def test_an_attempt_that_did_not_succeed_is_made_again(status: str) -> None:
    world = World()
    world.attempts[FACT] = Attempt(FACT, "", status, "run7", "boom")
    assert world.reasons() == {FACT: "previous_failed"}
    assert world.rows()[FACT].detail == "run run7"


def test_what_a_process_died_in_is_built_again() -> None:
    world = World()
    world.more["crashed"] = frozenset({FREE})
    assert world.reasons() == {FREE: "previous_failed"}


def test_a_failed_partition_makes_its_asset_due() -> None:
    world = World()
    world.more["failed_partitions"] = {FACT: ("2024-01-02",)}
    assert world.rows()[FACT].detail == "partition 2024-01-02"
    assert world.reasons() == {FACT: "previous_failed"}


@pytest.mark.parametrize(("status", "due"), [("pass", False), ("warn", False), ("fail", True), ("error", True), ("skipped", True)])
def test_a_test_runs_again_until_it_passes(status: str, due: bool) -> None:
    world = World()
    world.checks[CHECK] = dataclasses.replace(world.checks[CHECK], status=status)
    assert world.reasons() == ({CHECK: "previous_failed"} if due else {})


def test_a_volatile_query_is_built_every_time() -> None:
    world = World().say_volatile("now()", FREE, CHECK)
    assert world.reasons() == {FREE: "volatile", CHECK: "volatile"}
    assert world.rows()[FREE].detail == "now()"
    assert World().change(FACT, recompile=True).reasons() == {FACT: "volatile"}


def test_a_volatile_view_holds_no_rows_but_its_readers_do() -> None:
    world = World().say_volatile("now()", STG)
    assert world.reasons() == {FACT: "volatile", CHECK: "volatile"}
    assert world.rows()[FACT].detail == "stg: now()"


@pytest.mark.parametrize("key", [STG, FACT, FREE, CHECK])
def test_a_wish_decides_what_is_volatile(key: str) -> None:
    wish = {"meta": {"penstock": {"volatile": False}}}
    assert key not in World().say_volatile("now()", key).change(key, config=wish, recompile=True).reasons()
    assert World().change(key, config={"meta": {"penstock": {"volatile": True}}}).reasons()[key] == "volatile"
    assert World().change(key, config={"meta": {"penstock": {"volatile": "no"}}}).reasons() == {}, "a wish is a boolean"


@pytest.mark.parametrize("name", [ORDERS, "file:d/*", "table:s.t"])
def test_an_input_nobody_could_look_at_means_build(name: str) -> None:
    reader = FACT if name == ORDERS else FREE
    world = World()
    world.observed[name] = seen(name, world.observed[name].version, Strength.UNKNOWN, "no permission")
    assert world.reasons()[reader] == "unknown_evidence"
    assert world.rows()[reader].detail == f"{name}: no permission"
    del world.observed[name]
    assert world.reasons()[reader] == "unknown_evidence"
    assert world.rows()[reader].detail == name
    assert STG not in world.reasons(), "a view holds no rows that could be wrong"


def test_new_files_and_newer_upstreams_are_told_apart() -> None:
    world = World()
    world.observed["file:d/*"] = seen("file:d/*", "f2", Strength.LISTING)
    assert (world.reasons(), world.rows()[FREE].detail) == ({FREE: "new_files"}, "d/*")
    world = World()
    world.observed["table:s.t"] = seen("table:s.t", table("t2"))
    assert (world.reasons(), world.rows()[FREE].detail) == ({FREE: "upstream_newer"}, "s.t")
    world = World()
    world.observed[ORDERS] = seen(ORDERS, table("o2"))
    assert world.reasons() == {FACT: "upstream_newer", CHECK: "upstream_newer"}
    assert world.rows()[FACT].detail == "raw.orders"


def test_an_upstream_that_means_something_else_by_now_makes_its_readers_due() -> None:
    world = World()
    world.materializations[STG] = built(STG, 9, kind="view")
    assert world.reasons() == {FACT: "upstream_newer", CHECK: "upstream_newer"}
    assert world.rows()[FACT].detail == "stg"


def test_an_upstream_built_again_with_the_same_content_makes_nothing_due() -> None:
    world = World()
    world.materializations[STG] = built(STG, 9, kind="view", version=view(1))
    assert world.reasons() == {}


def test_a_view_on_columns_that_are_no_more_is_made_anew() -> None:
    world = World()
    world.observed[ORDERS] = seen(ORDERS, table("o1", "other"))
    assert world.reasons() == {STG: "schema_changed", FACT: "upstream_newer", CHECK: "upstream_newer"}
    assert world.rows()[STG].detail == "raw.orders"


def test_an_input_that_was_not_recorded_counts_as_changed() -> None:
    world = World()
    world.inputs[FACT] = ()
    assert world.reasons() == {FACT: "upstream_newer"}


def test_long_lists_of_inputs_are_cut() -> None:
    world = World()
    names = [f"table:s.t{number}" for number in range(5)]
    world.inputs[FREE] = (*world.inputs[FREE], *(InputVersion(name, table(1)) for name in names))
    world.observed |= {name: seen(name, table(2)) for name in names}
    shown, more = world.rows()[FREE].detail.split(" and ")
    assert more == "2 more"
    assert len(shown.split(", ")) == 3 and set(shown.split(", ")) < {f"s.t{number}" for number in range(5)}


def test_an_upstream_that_is_due_but_not_selected_does_not_make_its_reader_due() -> None:
    world = World().change(STG, fingerprint="v2").select(FACT)
    assert world.reasons() == {}
    assert set(world.rows()) == {FACT}


def test_force_and_full_refresh_build_the_selection_and_nothing_else() -> None:
    world = World().select(FACT, CHECK)
    world.facts_more["force"] = True
    assert world.reasons() == {FACT: "forced", CHECK: "forced"}
    world.facts_more = {**world.facts_more, "force": False, "full_refresh": True}
    assert world.reasons() == {FACT: "full_refresh", CHECK: "full_refresh"}


def test_a_broken_ingestion_file_blocks_itself_and_everything_below() -> None:
    world = World().change(ORDERS, ingest=IngestSpec(path="ingest/raw/orders.sql", sql="", error="broken here"))
    reasons = world.reasons()
    assert reasons == {
        ORDERS: "parse_failed",
        STG: "upstream_failed",
        FACT: "upstream_failed",
        CHECK: "upstream_failed",
        UNIT: "upstream_failed",
    }
    rows = world.rows()
    assert all(rows[key].decision is Decision.BLOCKED for key in reasons)
    assert (rows[ORDERS].detail, rows[FACT].detail) == ("broken here", "raw.orders")


def test_blocked_comes_before_every_reason_to_build() -> None:
    world = World().change(FREE, ingest=IngestSpec(path="p", sql="", error="broken"))
    world.facts_more["force"] = True
    assert world.rows()[FREE].decision is Decision.BLOCKED


def test_the_first_rule_that_holds_names_the_reason() -> None:
    world = World().change(FACT, fingerprint="v2", recompile=True)
    world.attempts[FACT] = Attempt(FACT, "", "failed", "r", "")
    world.observed[ORDERS] = seen(ORDERS, table("o1"), Strength.UNKNOWN)
    world.inputs[FACT] = (InputVersion(STG, view(0)),)
    del world.standing[RelationName("db", "main", "fact")]
    found = []

    def cure(reason: str) -> None:
        found.append(world.reasons()[FACT])
        assert found[-1] == reason

    world.facts_more = {"force": True, "full_refresh": True}
    cure("forced")
    world.facts_more = {"full_refresh": True}
    cure("full_refresh")
    world.facts_more = {}
    cure("relation_missing")
    world.standing[RelationName("db", "main", "fact")] = "table"
    cure("code_changed")
    world.change(FACT, fingerprint="v1")
    cure("previous_failed")
    del world.attempts[FACT]
    cure("volatile")
    world.change(FACT, recompile=False)
    cure("unknown_evidence")
    world.observed[ORDERS] = seen(ORDERS, table("o1"))
    cure("upstream_newer")
    assert [rule.reason.value for rule in RULES] == [
        "forced", "full_refresh", "never_built", "relation_missing", "relation_changed", "code_changed", "schema_changed", "previous_failed",
        "ttl_expired", "volatile", "unknown_evidence", "new_files", "upstream_newer",
    ]  # fmt: skip


def test_every_reason_to_build_has_a_rule() -> None:
    of_partitions = {"partition_missing", "late_data"}
    reuse = {"waiting_for_files", "fresh", "unchanged_input", "deferred", "build_after_not_due", "waiting_all_parents", "lag_tolerated"}
    others = {"upstream_may_change", "upstream_failed", "check_blocked", "parse_failed", "code_change_refused"}
    assert {rule.reason.value for rule in RULES} == {reason.value for reason in Reason} - reuse - others - of_partitions


def test_a_source_that_a_seed_writes_has_the_seeds_version() -> None:
    seed = asset("seed.shop.s", Kind.SEED, "seed")
    produced = Asset("source.shop.raw.s", Kind.SOURCE, "s", relation=seed.relation, source=SourceSpec("raw"))
    reader = asset(FACT, Kind.MODEL, "table")
    world = World()
    world.graph = AssetGraph([seed, produced, reader], [(seed.key, produced.key, EdgeKind.PRODUCER), (produced.key, FACT, EdgeKind.DATA)])
    world.materializations = {seed.key: built(seed.key, 5), FACT: built(FACT, 6)}
    world.inputs = {FACT: (InputVersion(seed.key, table(5)),)}
    world.standing[RelationName("db", "main", "s")] = "table"
    assert world.reasons() == {}
    world.materializations[seed.key] = built(seed.key, 7)
    assert world.reasons() == {FACT: "upstream_newer"}


def test_a_source_that_was_once_ingested_here_is_looked_at_again() -> None:
    world = World()
    world.materializations[ORDERS] = built(ORDERS, 99)
    assert world.reasons() == {}


def test_a_tests_inputs_are_digested_with_what_this_run_has_built() -> None:
    facts = World().facts()
    number = facts.graph.ids[CHECK]
    versions = facts.new_versions()
    before = World().checks[CHECK].inputs_version
    assert facts.versions.digest(number) == versions.digest(number) == before
    versions.built(built(STG, 7, kind="view", version=view(1)), World().inputs[STG])
    assert versions.digest(number) == before, "built again, and the same"
    versions.built(built(STG, 8, kind="view"), World().inputs[STG])
    assert versions.digest(number) != before == facts.versions.digest(number)


def test_a_result_from_before_a_change_of_inputs_does_not_count() -> None:
    world = World()
    world.checks[CHECK] = dataclasses.replace(world.checks[CHECK], inputs_version="of something else")
    assert world.reasons() == {CHECK: "upstream_newer"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("model.shop.stg", "stg"),
        ("source.shop.raw.orders", "raw.orders"),
        ("file:a/b", "a/b"),
        ("cwd:a", "a"),
        ("table:x.y", "x.y"),
        ("ingest.raw.o", "ingest.raw.o"),
        ("model.shop.m.v2", "m.v2"),
    ],
)
def test_inputs_are_shown_as_people_call_them(name: str, shown: str) -> None:
    assert display(name) == shown


def test_an_unknown_input_that_was_not_recorded_either_means_build() -> None:
    world = World()
    world.inputs[FACT] = ()
    del world.observed[ORDERS]
    assert world.reasons()[FACT] == "unknown_evidence"
