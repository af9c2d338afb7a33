"""The rules of `penstock.yml`, each on what breaks it and on what does not."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.assets.asset import Asset, EdgeKind, Kind, TestSpec
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.ci_rules import Rules
from penstock.parser.project_file import read_project_file
from penstock.plan.difference import AssetChange, Category, ColumnChange, Difference, Impact
from penstock.plan.policies import Proposal, broken_rules
from penstock.plan.verdict import Finding, Severity

MART, STG, SEED, BOARD = "model.shop.fct_sales", "model.shop.stg_sales", "seed.shop.sales", "exposure.shop.board"


def rules(text: str) -> Rules:
    return read_project_file(f"ci: {{rules: {{{text} }}}}", "penstock.yml", {}).ci.rules


def asset(key: str, kind: Kind = Kind.MODEL, folder: str = "models/marts", **more: Any) -> Asset:
    name = key.rsplit(".", maxsplit=1)[-1]
    return Asset(key=key, kind=kind, name=name, package="shop", path=f"{folder}/{name}.sql", fqn=("shop", name), **more)


def unique(about: str, name: str = "unique", **more: Any) -> Asset:
    return asset(f"test.shop.{name}.{about}", Kind.TEST, test=TestSpec(name=name, attached_node=about), **more)


def graph(*tests: Asset, **mart: Any) -> AssetGraph:
    """sales -> stg_sales -> fct_sales -> board, and tests of the mart."""
    assets = [
        asset(SEED, Kind.SEED, "seeds"),
        asset(STG, folder="models/staging"),
        asset(MART, **mart),
        asset(BOARD, Kind.EXPOSURE),
        *tests,
    ]
    edges = [(SEED, STG, EdgeKind.DATA), (STG, MART, EdgeKind.DATA), (MART, BOARD, EdgeKind.DATA)]
    return AssetGraph(assets, [*edges, *((MART, test.key, EdgeKind.TEST) for test in tests)])


def change(key: str, kind: str = "modified", category: Category = Category.BREAKING, **more: Any) -> AssetChange:
    name = key.rsplit(".", maxsplit=1)[-1]
    return AssetChange(key, name, "model", f"repo/{name}.sql", kind, category, "an expression differs", line=3, **more)


def found(text: str, *changes: AssetChange, of: AssetGraph | None = None, **more: Any) -> tuple[Finding, ...]:
    if text and "breaking_change" not in text:
        text = f"breaking_change: off, {text}"
    difference = Difference("main", "head", changes, impact=Impact(exposures=((BOARD, "Ann"),)))
    return broken_rules(rules(text), Proposal(of or graph(), difference, project="shop", **more))


def names(text: str, *changes: AssetChange, **more: Any) -> list[tuple[str, str]]:
    return [(one.rule, one.asset) for one in found(text, *changes, **more)]


NEW = change(MART, "added", Category.ADDITIVE)
GONE_COLUMN = change(STG, columns=(ColumnChange("amount", "removed"), ColumnChange("more", "added")))


def test_a_breaking_change_that_reaches_an_exposure_needs_its_label() -> None:
    (one,) = found("breaking_change: {label: approved}", GONE_COLUMN)
    assert (one.severity, one.asset, one.path, one.line) == (Severity.ERROR, STG, "repo/stg_sales.sql", 3)
    assert one.message == "stg_sales: a breaking change (`amount` removed) reaches board" and "approved" in one.remedy
    assert found("breaking_change: {label: approved}", GONE_COLUMN, labels=("approved",)) == ()
    assert len(found("breaking_change: {label: approved}", GONE_COLUMN, labels=("Approved", "other"))) == 1


def test_without_a_word_about_it_a_breaking_change_warns() -> None:
    (one,) = found("", GONE_COLUMN)
    assert (one.rule, one.severity) == ("breaking_change", Severity.WARN)
    assert found("breaking_change: off", GONE_COLUMN) == ()


@pytest.mark.parametrize("category", [Category.NON_BREAKING, Category.ADDITIVE, Category.COSMETIC])
def test_a_harmless_change_needs_no_label(category: Category) -> None:
    assert found("breaking_change:", change(STG, category=category)) == ()


def test_what_cannot_be_judged_may_be_breaking() -> None:
    (one,) = found("breaking_change:", change(STG, category=Category.UNKNOWN))
    assert "may be breaking" in one.message


def test_a_breaking_change_that_reaches_no_exposure_needs_no_label() -> None:
    other = AssetGraph([asset(STG), asset(BOARD, Kind.EXPOSURE)], [])
    assert found("breaking_change:", GONE_COLUMN, of=other) == ()


def test_what_is_gone_may_have_been_read_by_all_that_is_reached() -> None:
    gone = change("model.shop.gone", "removed")
    assert names("breaking_change:", gone) == [("breaking_change", "model.shop.gone")]
    assert names("breaking_change: {select: [fct_sales]}", gone) == []
    assert names("breaking_change: {exclude: [stg_sales]}", GONE_COLUMN) == []


def test_a_new_mart_needs_a_check_of_its_key() -> None:
    assert names("unique_key:", NEW) == [("unique_key", MART)]
    assert names("unique_key:", NEW, of=graph(unique(MART))) == []
    assert names("unique_key:", NEW, of=graph(unique(MART, "unique_combination_of_columns"))) == []
    assert names("unique_key:", NEW, of=graph(unique(MART, "not_null"))) == [("unique_key", MART)]
    assert names("unique_key: {tests: [not_null]}", NEW, of=graph(unique(MART, "not_null"))) == []
    assert names("unique_key:", NEW, of=graph(unique(STG))) == [("unique_key", MART)], "the test of another model"


def test_a_rule_is_about_new_changed_or_all_assets_of_its_selection() -> None:
    assert names("unique_key:", change(MART)) == [], "not new"
    assert names("unique_key: {of: changed}", change(MART)) == [("unique_key", MART)]
    assert names("unique_key: {of: all}") == [("unique_key", MART)]
    assert names("unique_key: {of: all, select: []}") == [("unique_key", SEED), ("unique_key", STG), ("unique_key", MART)]
    assert names("unique_key: {of: all, exclude: ['tag:x']}", of=graph(tags=("x",))) == []


def test_a_star_is_only_open_where_it_makes_columns_of_a_mart() -> None:
    def stars(one: Asset) -> tuple[str, ...]:
        return ("raw_a", "raw_b") if one.key == MART else ()

    (one,) = found("no_select_star: warn", change(MART), stars=stars)
    assert (one.severity, one.asset) == (Severity.WARN, MART) and "raw_a, raw_b" in one.message
    assert found("no_select_star:", change(STG, category=Category.ADDITIVE), stars=lambda _: ("x",)) == (), "no mart"


@pytest.mark.parametrize(
    ("patterns", "bad"),
    [
        ("models/marts: '(fct|dim)_.*'", False), ("models/marts: 'dim_.*'", True), ("models: 'x.*', models/marts: 'fct_.*'", False),
        ("models/mart: 'dim_.*'", False), ("models/marts: 'fct'", True), ("models/marts: 'a|fct_sales'", False),
    ],
)  # fmt: skip
def test_names_match_the_pattern_of_their_longest_folder_as_a_whole(patterns: str, bad: bool) -> None:
    assert names(f"naming: {{patterns: {{{patterns}}}}}", NEW) == ([("naming", MART)] if bad else [])


def test_an_owner_is_its_own_its_groups_or_in_meta() -> None:
    assert names("owner:", NEW) == [("owner", MART)]
    assert names("owner:", NEW, of=graph(owner="Ann")) == []
    assert names("owner:", NEW, of=graph(config={"meta": {"owner": "Ann"}})) == []
    assert names("owner:", NEW, of=graph(config={"meta": None})) == [("owner", MART)]


def test_a_rule_that_cannot_be_applied_says_so_and_hides_no_other() -> None:
    first, second = found("unique_key: {select: ['nomethod:x']}, owner: warn", NEW)
    assert (first.rule, first.severity, first.path) == ("unique_key", Severity.ERROR, "penstock.yml")
    assert second.rule == "owner"


def test_an_asset_that_did_not_change_is_named_by_its_place_in_the_repository() -> None:
    (one,) = found("unique_key: {of: all}", placed=lambda path: f"sub/{path}")
    assert (one.path, one.line) == ("sub/models/marts/fct_sales.sql", 1)
