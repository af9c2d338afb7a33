"""What things hold now: views are looked through, columns that nobody reads do not count, and a run adds what it builds."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.assets.asset import EdgeKind, Kind, SourceSpec
from penstock.assets.records import InputVersion, Materialization, StateSnapshot, Strength
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts
from penstock.plan.planner import PlanRow, decide, make_plan
from penstock.plan.reasons import Decision, Reason
from penstock.plan.versions import Columns, column_sets
from plan_worlds import asset, built, seen, table, view

SRC, BASE, V1, V2, TOP, LAST = "source.p.src", "model.p.base", "model.p.v1", "model.p.v2", "model.p.top", "model.p.last"
AB = ("a", "b")


class Chain:
    """src -> base (table) -> v1 (view) -> v2 (view) -> top (table) -> last (table), all of it current."""

    def __init__(self) -> None:
        chain = [asset(SRC, Kind.SOURCE, source=SourceSpec("raw"))]
        chain += [asset(key, Kind.MODEL, "view" if key in (V1, V2) else "table") for key in (BASE, V1, V2, TOP, LAST)]
        edges = [(above.key, below.key, EdgeKind.DATA) for above, below in zip(chain, chain[1:], strict=False)]
        self.graph = AssetGraph(chain, edges)
        self.made: dict[str, Materialization] = {
            key: built(key, number, kind="view" if key in (V1, V2) else "table") for number, key in enumerate((BASE, V1, V2, TOP, LAST))
        }
        self.inputs: dict[str, tuple[InputVersion, ...]] = {
            BASE: (InputVersion(SRC, table("s1")),),
            V1: (InputVersion(BASE, table(0), AB),),
            V2: (InputVersion(V1, view(1)),),
            TOP: (InputVersion(V2, view(2)), InputVersion(V1, view(1)), InputVersion(BASE, table(0), AB)),
            LAST: (InputVersion(TOP, table(3), ("a",)),),
        }
        self.observed = {SRC: seen(SRC, table("s1"))}
        self.projections: dict[tuple[str, str, tuple[str, ...]], str] = {}
        self.changed_code: Mapping[str, str] = {}

    def facts(self, *selected: str) -> Facts:
        chosen = selected or [one.key for one in self.graph.assets]
        return Facts(
            graph=self.graph, state=StateSnapshot(materializations=self.made, inputs=self.inputs), projections=self.projections,
            selected=frozenset(self.graph.ids[key] for key in chosen), observed=self.observed, database="db",
            standing={one.relation: "view" if one.materialized == "view" else "table" for one in self.graph.assets if one.relation},
            code_versions=dict.fromkeys(self.changed_code, "1:other"),
        )  # fmt: skip

    def plan(self, *selected: str) -> dict[str, tuple[str, str]]:
        return {
            row.asset: (row.decision.value, row.detail) for row in make_plan(self.facts(*selected)).rows if row.reason is not Reason.FRESH
        }

    def rebuilt(self, key: str, version: str) -> None:
        self.made[key] = built(key, 99, version=version, kind=self.made[key].relation_type)

    def same_columns(self, key: str, columns: tuple[str, ...], *versions: str) -> None:
        self.projections |= {(key, version, columns): "the same" for version in versions}

    def edit(self, key: str) -> None:
        """Let the asset's code mean something else than what it was built by."""
        self.made[key] = built(key, self.made[key].token, "old", self.made[key].data_version, self.made[key].relation_type)


def test_a_view_is_looked_through_with_the_columns_that_it_reads() -> None:
    versions = Chain().facts().versions
    assert versions.behind({V2: frozenset("x")}) == {V2: {"x"}, V1: None, BASE: {"a", "b"}}
    assert versions.behind({TOP: None}) == {TOP: None}, "a table holds its own rows"
    assert versions.behind({}) == {}


def test_columns_read_directly_and_through_a_view_are_added_up() -> None:
    versions = Chain().facts().versions
    reads: dict[str, Columns] = {V1: frozenset("x"), BASE: frozenset("c")}
    assert versions.behind(reads)[BASE] == {"a", "b", "c"}
    assert versions.behind({V1: None, BASE: None})[BASE] is None
    assert versions.behind(dict(reversed(reads.items())))[BASE] == {"a", "b", "c"}


def test_a_view_may_be_narrowed_to_the_columns_that_are_asked_of_it() -> None:
    asked: list[tuple[str, Columns]] = []

    def narrow(name: str, columns: frozenset[str]) -> dict[str, Columns] | None:
        asked.append((name, columns))
        return {V1: frozenset("y")} if name == V2 else None

    assert Chain().facts().versions.behind({V2: frozenset("x")}, narrow) == {V2: {"x"}, V1: {"y"}, BASE: {"a", "b"}}
    assert asked == [(V2, frozenset("x")), (V1, frozenset("y"))]
    assert Chain().facts().versions.behind({V2: None}, narrow)[V1] is None and len(asked) == 2, "all is asked for"


def test_a_table_consumes_what_lies_behind_views_and_a_view_what_it_names() -> None:
    versions = Chain().facts().versions
    assert versions.consumed({V2: frozenset("x")}, through_views=True) == [
        InputVersion(BASE, table(0), AB), InputVersion(V1, view(1)), InputVersion(V2, view(2)),
    ]  # fmt: skip
    assert versions.consumed({V2: frozenset("x")}, through_views=False) == [InputVersion(V2, view(2))]
    assert versions.consumed({BASE: frozenset("ba")}, through_views=False) == [InputVersion(BASE, table(0), AB)]


def test_what_nobody_knows_the_version_of_is_not_consumed_and_counts_as_changed() -> None:
    chain = Chain()
    chain.observed[SRC] = seen(SRC, table("s1"), Strength.UNKNOWN)
    versions = chain.facts().versions
    assert versions.consumed({SRC: None}, through_views=True) == []
    assert list(versions.changed(chain.graph.ids[BASE])) == [SRC]


def test_where_nothing_changed_nothing_is_due() -> None:
    assert Chain().plan() == {}


def test_new_rows_behind_two_views_are_noticed() -> None:
    chain = Chain()
    chain.rebuilt(BASE, table("new"))
    assert chain.plan() == {TOP: ("BUILD", "base"), LAST: ("MAYBE", "top")}


def test_columns_that_hold_the_same_hide_a_change_that_nobody_reads() -> None:
    chain = Chain()
    chain.rebuilt(BASE, table("new"))
    chain.same_columns(BASE, AB, table(0), table("new"))
    assert chain.plan() == {}


def test_columns_count_only_as_one_set_and_in_both_versions() -> None:
    chain = Chain()
    chain.rebuilt(BASE, table("new"))
    chain.same_columns(BASE, ("a",), table(0), table("new"))
    chain.same_columns(BASE, ("b",), table(0), table("new"))
    chain.same_columns(BASE, AB, table("new"))
    assert chain.plan()[TOP] == ("BUILD", "base")
    chain.projections[BASE, table(0), AB] = "others"
    assert chain.plan()[TOP] == ("BUILD", "base")
    chain.same_columns(BASE, AB, table(0))
    assert chain.plan() == {}


def test_a_reader_of_all_columns_is_due_whatever_some_of_them_hold() -> None:
    chain = Chain()
    chain.inputs[LAST] = (InputVersion(TOP, table(3)),)
    chain.rebuilt(TOP, table("new"))
    chain.same_columns(TOP, (), table(3), table("new"))
    assert chain.plan() == {LAST: ("BUILD", "top")}


def test_a_view_is_made_anew_where_columns_changed_and_not_for_rows() -> None:
    chain = Chain()
    chain.rebuilt(BASE, table(0, "other columns"))
    assert chain.plan() == {V1: ("BUILD", "base"), V2: ("MAYBE", "v1"), TOP: ("BUILD", "base"), LAST: ("MAYBE", "top")}


def test_what_a_view_read_by_its_last_record_is_looked_through() -> None:
    chain = Chain()
    chain.inputs[V1] = (*chain.inputs[V1], InputVersion("table:s.t", table(5)))
    chain.inputs[TOP] = (*chain.inputs[TOP], InputVersion("table:s.t", table(5)))
    chain.observed["table:s.t"] = seen("table:s.t", table(5))
    assert chain.plan() == {}
    chain.observed["table:s.t"] = seen("table:s.t", table(6))
    assert chain.plan()[TOP] == ("BUILD", "s.t")


def test_views_that_are_not_selected_pass_a_change_on_and_tables_do_not() -> None:
    chain = Chain()
    chain.edit(BASE)
    assert chain.plan(BASE, TOP, LAST) == {BASE: ("BUILD", "models/base.sql"), TOP: ("MAYBE", "v2"), LAST: ("MAYBE", "top")}
    assert chain.plan(BASE, LAST) == {BASE: ("BUILD", "models/base.sql")}, "top keeps its rows"
    assert chain.plan(LAST) == {}


def maybe(chain: Chain, key: str) -> PlanRow:
    return next(row for row in make_plan(chain.facts()).with_decision(Decision.MAYBE) if row.asset == key)


def test_a_reader_is_built_or_reused_by_what_the_run_has_built() -> None:
    chain = Chain()
    chain.edit(BASE)
    facts, row = chain.facts(), maybe(chain, TOP)
    same, other = facts.new_versions(), facts.new_versions()
    same.built(built(BASE, 50, version=table(0)), chain.inputs[BASE])
    other.built(built(BASE, 50, version=table("new")), chain.inputs[BASE])
    assert [decide(facts, one, row).decision for one in (same, other)] == [Decision.REUSE, Decision.BUILD]
    assert decide(facts, same, row).reason is Reason.UNCHANGED_INPUT
    assert (decide(facts, other, row).reason, decide(facts, other, row).detail) == (Reason.UPSTREAM_NEWER, "base")
    assert facts.versions.of(BASE) == table(0), "the plan's own versions stay as they are"


def test_projections_that_a_run_finds_count_at_once() -> None:
    chain = Chain()
    chain.edit(BASE)
    facts, row = chain.facts(), maybe(chain, TOP)
    versions = facts.new_versions()
    versions.built(built(BASE, 50, version=table("new")), chain.inputs[BASE])
    facts.projections.update({(BASE, version, AB): "the same" for version in (table(0), table("new"))})
    assert decide(facts, versions, row).decision is Decision.REUSE


def test_a_view_is_decided_by_columns_and_its_readers_by_what_it_reads_now() -> None:
    chain = Chain()
    chain.edit(BASE)
    facts = chain.facts()
    versions = facts.new_versions()
    versions.built(built(BASE, 50, version=table("new")), chain.inputs[BASE])
    assert decide(facts, versions, maybe(chain, V1)).decision is Decision.REUSE
    versions.built(built(BASE, 51, version=table("new", "other columns")), chain.inputs[BASE])
    decided = decide(facts, versions, maybe(chain, V1))
    assert (decided.decision, decided.reason, decided.detail) == (Decision.BUILD, Reason.SCHEMA_CHANGED, "base")
    versions.built(built(V1, 52, kind="view", version=view(1)), [InputVersion(SRC, table("s1"))])
    assert versions.inputs_of(chain.graph.ids[TOP]) != facts.versions.inputs_of(chain.graph.ids[TOP])
    assert set(versions.inputs_of(chain.graph.ids[TOP])) == {V2, V1, SRC}


def test_the_sets_of_columns_that_somebody_reads_are_kept_apart() -> None:
    inputs = Chain().inputs
    assert column_sets(inputs.values()) == {BASE: {AB}, TOP: {("a",)}}
    assert column_sets([[InputVersion(BASE, "v", ()), InputVersion(BASE, "w", AB)]]) == {BASE: {(), AB}}
