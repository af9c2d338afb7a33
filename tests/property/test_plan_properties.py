"""Never skip what would have changed: whatever the graph and its state, REUSE needs all the evidence there is."""

from __future__ import annotations

import dataclasses
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock.assets.asset import Kind
from penstock.assets.records import CheckResult, InputVersion, Materialization, Strength
from penstock.plan.facts import Facts
from penstock.plan.planner import decide, make_plan
from penstock.plan.reasons import Decision, Reason
from random_worlds import NOON, worlds

SETTINGS = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def version(facts: Facts, key: str) -> str | None:
    """What is known of an input, written anew: a record of ours for what we build, else what was seen, if it is to be trusted."""
    asset = next((one for one in facts.graph.assets if one.key == key), None)
    if asset is not None and asset.builds_relation:
        record = facts.state.materializations.get(key)
        return None if record is None else record.data_version
    seen = facts.observed.get(key)
    return None if seen is None or seen.strength == Strength.UNKNOWN else seen.version


def is_view(facts: Facts, key: str) -> bool:
    record = facts.state.materializations.get(key)
    return record is not None and record.relation_type == "view"


def inputs(facts: Facts, number: int) -> set[int]:
    """Whose versions an asset consumes, written anew: parents, with what has no rows of its own looked through."""
    graph = facts.graph

    @cache
    def through(one: int) -> frozenset[int]:
        asset = graph.assets[one]
        if asset.builds_relation or (asset.kind is Kind.SOURCE and not graph.parents[one]):
            return frozenset([one])
        return frozenset(found for parent in graph.parents[one] for found in through(parent))

    if graph.assets[number].kind is Kind.UNIT_TEST:
        return set()
    return {found for parent in graph.parents[number] for found in through(parent)}


def behind(facts: Facts, number: int) -> set[str]:
    """Everything an asset reads, written anew: its inputs, what its last build found besides, and the same of each view among them."""
    extra = {seen.input for seen in facts.state.inputs.get(facts.graph.assets[number].key, ()) if seen.input not in facts.graph}
    found = {facts.graph.assets[one].key for one in inputs(facts, number)} | (set() if facts.graph.assets[number].is_test else extra)
    while True:
        more = {seen.input for name in found if is_view(facts, name) for seen in facts.state.inputs.get(name, ())} - found
        if not more:
            return found
        found |= more


def same(facts: Facts, seen: InputVersion, now: str | None) -> bool:
    """Whether an input holds, in the columns that were read of it, what was consumed."""
    if seen.version == now:
        return True
    known = facts.projections
    pair = [known.get((seen.input, one, seen.columns or ())) for one in (seen.version, now or "")]
    return seen.columns is not None and now is not None and pair[0] is not None and pair[0] == pair[1]


def same_code(facts: Facts, number: int, record: Materialization | CheckResult) -> bool:
    asset = facts.graph.assets[number]
    return asset.fingerprint in record.fingerprints or facts.code_versions.get(asset.key) == record.code_version


@SETTINGS
@given(worlds())
def test_an_asset_is_reused_only_where_everything_says_that_it_is_current(facts: Facts) -> None:
    plan = make_plan(facts)
    decisions = {row.id: row.decision for row in plan.rows}
    state, graph = facts.state, facts.graph
    for number in [row.id for row in plan.rows if row.decision is Decision.REUSE]:
        asset = graph.assets[number]
        assert not facts.force and not facts.full_refresh
        assert not asset.recompile
        assert asset.ingest is None or not asset.ingest.error
        assert not {decisions.get(parent) for parent in inputs(facts, number)} & {Decision.BUILD, Decision.MAYBE, Decision.BLOCKED}
        view = is_view(facts, asset.key)
        known = {name: version(facts, name) for name in behind(facts, number)}
        if not view:
            assert None not in known.values()
            assert not any(state.materializations[name].volatile for name in known if is_view(facts, name))
        if asset.is_test:
            result = state.checks[asset.key]
            assert result.status in ("pass", "warn") and same_code(facts, number, result) and not result.volatile
            assert result.inputs_version == facts.versions.digest(number)
            continue
        record = state.materializations[asset.key]
        consumed = {seen.input: seen for seen in state.inputs.get(asset.key, ())}
        assert same_code(facts, number, record)
        assert asset.relation in facts.standing
        if view:
            schemas = [(seen.version, version(facts, name)) for name, seen in consumed.items()]
            assert all(now is None or now.split(":")[-1] == then.split(":")[-1] for then, now in schemas)
        else:
            assert not record.volatile
            assert all(name in consumed and same(facts, consumed[name], now) for name, now in known.items())
        assert asset.key not in state.crashed and not state.failed_partitions.get(asset.key)
        assert asset.key not in state.attempts or state.attempts[asset.key].status == "success"


@SETTINGS
@given(worlds())
def test_no_selected_asset_is_reused_below_one_that_may_change(facts: Facts) -> None:
    """Through chains of selected assets: an input's input that is built may change the input, and so on."""
    decisions = {row.id: row.decision for row in make_plan(facts).rows}
    for number, decision in decisions.items():
        if decision in (Decision.BUILD, Decision.MAYBE):
            readers = [one for one in decisions if number in inputs(facts, one)]
            assert all(decisions[one] is not Decision.REUSE for one in readers)


@SETTINGS
@given(worlds())
def test_every_selected_asset_that_can_run_has_one_row_and_its_reason_fits(facts: Facts) -> None:
    plan = make_plan(facts)
    assert [row.id for row in plan.rows] == sorted(number for number in facts.selected if facts.graph.assets[number].executable)
    reuse, maybe, blocked = {Reason.FRESH}, {Reason.UPSTREAM_MAY_CHANGE}, {Reason.UPSTREAM_FAILED, Reason.PARSE_FAILED}
    for row in plan.rows:
        assert (row.reason in reuse) is (row.decision is Decision.REUSE)
        assert (row.reason in maybe) is (row.decision is Decision.MAYBE)
        assert (row.reason in blocked) is (row.decision is Decision.BLOCKED)
    assert plan == make_plan(facts)


@SETTINGS
@given(worlds(), st.data())
def test_selecting_less_never_turns_a_build_into_a_reuse_unless_its_upstream_was_left_out(facts: Facts, data: st.DataObject) -> None:
    fewer = frozenset(data.draw(st.sets(st.sampled_from(sorted(facts.selected)))) if facts.selected else ())
    before = {row.id: row for row in make_plan(facts).rows}
    for row in make_plan(dataclasses.replace(facts, selected=fewer)).rows:
        if row.decision is not before[row.id].decision:
            assert (before[row.id].decision, row.decision) == (Decision.MAYBE, Decision.REUSE)
            assert facts.graph.ancestors([row.id]) - fewer


@SETTINGS
@given(worlds())
def test_what_may_be_due_is_decided_by_what_its_inputs_hold_then(facts: Facts) -> None:
    """Where nothing upstream came out otherwise, everything that might have been due is reused."""
    versions = facts.new_versions()
    for row in make_plan(facts).with_decision(Decision.MAYBE):
        decided = decide(facts, versions, row)
        assert (decided.id, decided.decision, decided.reason) == (row.id, Decision.REUSE, Reason.UNCHANGED_INPUT)


@SETTINGS
@given(worlds(), st.data())
def test_a_reader_of_what_came_out_otherwise_is_built(facts: Facts, data: st.DataObject) -> None:
    plan = make_plan(facts)
    due = [row.id for row in plan.with_decision(Decision.BUILD) if facts.graph.assets[row.id].builds_relation]
    if not due:
        return
    number = data.draw(st.sampled_from(due))
    asset = facts.graph.assets[number]
    view = asset.materialized == "view"
    versions = facts.new_versions()
    versions.built(
        Materialization(
            asset.key, "", "now", 200, "1:v3", f"{'code' if view else 'rows:1'}:new:s", 1, "", NOON, "view" if view else "table"
        ),
        facts.state.inputs.get(asset.key, ()),
    )
    for row in plan.with_decision(Decision.MAYBE):
        if number in inputs(facts, row.id) and facts.graph.assets[row.id].materialized != "view":
            decided = decide(facts, versions, row)
            unit_test = facts.graph.assets[row.id].kind is Kind.UNIT_TEST
            assert decided.decision is (Decision.REUSE if unit_test else Decision.BUILD)
