"""Edits and what they mean, as the cases state it; DuckDB is asked a second time on random rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from lineage_oracle import Judge, bag, some_rows
from penstock.assets.asset import Asset, EdgeKind, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.difference import AssetChange, Category
from penstock.plan.differences import Side, compare
from two_tables import TABLES

FOLDER = Path(__file__).parents[1] / "cases" / "changes"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEPT = (Category.COSMETIC, Category.ADDITIVE, Category.NON_BREAKING)


@dataclass(frozen=True)
class Case:
    """Two queries, the category of the edit, and the reason where one is stated; `harmless`: the verdict is worse than the truth."""

    title: str
    category: Category
    reason: str
    before: str
    after: str
    harmless: bool


def cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.sql")):
        for block in re.split(r"^-- == ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            head, after = block.split("\n-- becomes\n")
            title, verdict, before = head.split("\n", 2)
            told, _, reason = verdict.removeprefix("-- ").partition(": ")
            category, _, doubt = told.partition(", ")
            yield Case(title, Category(category), reason, before, after.strip(), bool(doubt))


CASES = [pytest.param(case, id=case.title) for case in cases()]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.connection.close()


def side(sql: str, fingerprint: str) -> Side:
    sources = [
        Asset(f"source.p.{name}", Kind.SOURCE, name, relation=RelationName("", "", name), source=SourceSpec("raw")) for name in TABLES
    ]
    model = Asset(
        "model.p.m", Kind.MODEL, "m", relation=RelationName("", "main", "m"), materialized="table", fingerprint=fingerprint,
        config_version="same",
    )  # fmt: skip
    graph = AssetGraph([*sources, model], [(source.key, model.key, EdgeKind.DATA) for source in sources])
    return Side(graph, queries={model.key: sql}, columns={f"source.p.{name}": tuple(columns) for name, columns in TABLES.items()})


def change(before: str, after: str) -> AssetChange:
    compared = compare(side(before, "1"), side(after, "2"), moved={}, moved_place=False, now=NOW)
    return compared.outcomes[0].change


def same_bags(judge: Judge, case: Case, names: list[str]) -> list[bool]:
    """Return for some random rows whether the columns of old hold the same bag."""
    found = []
    for seed in range(8):
        rows = some_rows(Random(seed))
        before, after = judge.answer(rows, case.before), judge.answer(rows, case.after)
        assert before is not None, case.before
        assert after is not None, case.after
        given = [[name.lower() for name in answer[0]] for answer in (before, after)]
        kept = [name for name in (names or given[0]) if name in given[1]]
        missing = len(kept) < len(names or given[0])
        bags = [bag(answer[1], [one.index(name) for name in kept]) for answer, one in zip((before, after), given, strict=True)]
        found.append(not missing and bags[0] == bags[1])
    return found


def test_there_are_enough_cases_of_every_category() -> None:
    found = [param.values[0].category for param in CASES]
    assert len(found) >= 60
    assert set(found) == set(Category)
    assert len({param.id for param in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_an_edit_has_the_category_its_case_states(case: Case) -> None:
    found = change(case.before, case.after)
    assert found.category is case.category, found
    if case.reason:
        reasons = {part for part in found.reason.split("; ") if not part.startswith("new column")}
        assert reasons == set(case.reason.split("; ")), found


@pytest.mark.parametrize("case", [param for param in CASES if param.values[0].category in KEPT])
def test_what_old_columns_held_they_hold_after_a_harmless_edit(judge: Judge, case: Case) -> None:
    assert all(same_bags(judge, case, []))


@pytest.mark.parametrize("case", [param for param in CASES if param.values[0].category not in KEPT])
def test_a_bad_edit_shows_on_some_rows_unless_its_case_says_otherwise(judge: Judge, case: Case) -> None:
    assert all(same_bags(judge, case, [])) is case.harmless


@pytest.mark.parametrize("case", [param for param in CASES if param.values[0].category is Category.COSMETIC])
def test_a_cosmetic_edit_leaves_the_names_and_the_types_of_columns(judge: Judge, case: Case) -> None:
    described = []
    for sql in (case.before, case.after):
        judge.answer(some_rows(Random(0)), sql)
        described.append(judge.connection.execute("describe answer").fetchall())
    assert described[0] == described[1]


def test_the_same_edit_backwards_never_looks_better_than_it_is() -> None:
    for param in CASES:
        case = param.values[0]
        back = change(case.after, case.before)
        if case.category is Category.ADDITIVE:
            assert back.category is Category.BREAKING, case.title
        if case.category is Category.COSMETIC:
            assert back.category is Category.COSMETIC, case.title
        if case.category is Category.BREAKING and not any(one.change in ("added", "removed") for one in back.columns):
            assert back.category is Category.BREAKING, case.title


def test_a_star_over_an_input_that_has_another_column_is_a_change_of_its_reader() -> None:
    """The text of the reader is the same; what DISTINCT compares is not."""
    one, other = side("select distinct * from t", "1"), side("select distinct * from t", "1")
    wider = replace(other, columns={**other.columns, "source.p.t": (*TABLES["t"], "extra")})
    (outcome,) = compare(one, wider, moved={}, moved_place=False, now=NOW).outcomes
    assert outcome.rebuilt
    assert outcome.change.category is Category.BREAKING
    assert outcome.change.reason == "rows may differ: DISTINCT; new column extra"


def test_a_description_alone_builds_nothing_again() -> None:
    one, other = side("select k from t", "1"), side("select k from t", "1")
    model = replace(other.graph["model.p.m"], description="All keys")
    described = replace(other, graph=AssetGraph([*other.graph.assets[:-1], model], other.graph.edges()))
    (outcome,) = compare(one, described, moved={}, moved_place=False, now=NOW).outcomes
    assert (outcome.change.category, outcome.rebuilt, outcome.touched) == (Category.NON_BREAKING, False, frozenset())
