"""Never skip what would have changed: whatever the graph and its state, REUSE needs all the evidence there is."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock.assets.asset import Kind
from penstock.assets.records import Strength
from penstock.plan.facts import Facts
from penstock.plan.planner import make_plan
from penstock.plan.reasons import Decision, Reason
from random_worlds import worlds

SETTINGS = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def version(facts: Facts, key: str) -> str | None:
    """What is known of an input, written anew: a record of ours for what we build, else what was seen, if it is to be trusted."""
    asset = next((one for one in facts.graph.assets if one.key == key), None)
    if asset is not None and asset.builds_relation:
        record = facts.state.materializations.get(key)
        return None if record is None else str(record.token)
    seen = facts.observed.get(key)
    return None if seen is None or seen.strength == Strength.UNKNOWN else seen.version


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


@SETTINGS
@given(worlds())
def test_an_asset_is_reused_only_where_everything_says_that_it_is_current(facts: Facts) -> None:
    plan = make_plan(facts)
    decisions = {row.id: row.decision for row in plan.rows}
    state, graph = facts.state, facts.graph
    for number in [row.id for row in plan.rows if row.decision is Decision.REUSE]:
        asset = graph.assets[number]
        assert not facts.force and not facts.full_refresh
        assert not asset.recompile and asset.key not in state.volatile
        assert asset.ingest is None or not asset.ingest.error
        assert all(
            decisions.get(parent) is not Decision.BUILD and decisions.get(parent) is not Decision.BLOCKED
            for parent in inputs(facts, number)
        )
        known = {graph.assets[one].key: version(facts, graph.assets[one].key) for one in inputs(facts, number)}
        assert None not in known.values()
        if asset.is_test:
            result = state.checks[asset.key]
            assert result.status in ("pass", "warn") and result.code_version == asset.fingerprint
            assert result.inputs_version == facts.inputs_version(number)
            continue
        record = state.materializations[asset.key]
        consumed = {seen.input: seen.version for seen in state.inputs.get(asset.key, ())}
        extra = {name: version(facts, name) for name in consumed if name.startswith(("file:", "table:"))}
        assert record.code_version == asset.fingerprint
        assert asset.relation in facts.standing
        assert None not in extra.values()
        assert {name: consumed.get(name) for name in {**known, **extra}} == {**known, **extra}
        assert asset.key not in state.crashed and not state.failed_partitions.get(asset.key)
        assert asset.key not in state.attempts or state.attempts[asset.key].status == "success"


@SETTINGS
@given(worlds())
def test_no_selected_asset_is_reused_below_one_that_is_built(facts: Facts) -> None:
    """Through chains of selected assets: an input's input that is built makes the input built, and so on."""
    decisions = {row.id: row.decision for row in make_plan(facts).rows}
    for number, decision in decisions.items():
        if decision is Decision.BUILD:
            readers = [one for one in decisions if number in inputs(facts, one)]
            assert all(decisions[one] is not Decision.REUSE for one in readers)


@SETTINGS
@given(worlds())
def test_every_selected_asset_that_can_run_has_one_row_and_its_reason_fits(facts: Facts) -> None:
    plan = make_plan(facts)
    assert [row.id for row in plan.rows] == sorted(number for number in facts.selected if facts.graph.assets[number].executable)
    reuse, blocked = {Reason.FRESH}, {Reason.UPSTREAM_FAILED, Reason.PARSE_FAILED}
    for row in plan.rows:
        assert (row.reason in reuse) is (row.decision is Decision.REUSE)
        assert (row.reason in blocked) is (row.decision is Decision.BLOCKED)
    assert plan == make_plan(facts)


@SETTINGS
@given(worlds(), st.data())
def test_selecting_less_never_turns_a_build_into_a_reuse_unless_its_upstream_was_left_out(facts: Facts, data: st.DataObject) -> None:
    import dataclasses

    fewer = frozenset(data.draw(st.sets(st.sampled_from(sorted(facts.selected)))) if facts.selected else ())
    before = {row.id: row for row in make_plan(facts).rows}
    for row in make_plan(dataclasses.replace(facts, selected=fewer)).rows:
        if row.decision is not before[row.id].decision:
            assert (before[row.id].decision, before[row.id].reason) == (Decision.BUILD, Reason.UPSTREAM_NEWER)
            assert inputs(facts, row.id) - fewer
