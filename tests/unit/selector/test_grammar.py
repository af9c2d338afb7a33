"""Texts become trees and print back; mistakes say what was expected, what was found and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.errors import PenstockError, Problems, SelectionError
from penstock.selector.grammar import parse, parse_criterion
from penstock.selector.methods import METHODS
from penstock.selector.tree import Criterion, Difference, Everything, Intersection, Union

NAMES = st.text("abz019_.*?[]!-/:+@٣é", max_size=8)
PREFIXES = st.sampled_from(["", "", "tag:", "fqn:", "path:", "config.meta.x:", "config.:", "file:", "ingest:", "source.more:"])
CRITERIA = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "+", "1+", "02+", "@"]),
    PREFIXES,
    NAMES,
    st.sampled_from(["", "", "+", "+3"]),
)
TEXTS = st.lists(st.lists(CRITERIA, min_size=1, max_size=3).map(",".join), max_size=4).map(" ".join)


def test_a_criterion_has_operators_a_method_its_arguments_and_a_value() -> None:
    criterion = parse_criterion("2+config.meta.owner:fin:x+3")
    assert criterion == Criterion("config", "fin:x", ("meta", "owner"), parents=True, parents_depth=2, children=True, children_depth=3)


def test_an_at_sign_asks_for_the_parents_of_the_children() -> None:
    assert parse_criterion("@tag:nightly") == Criterion("tag", "nightly", childrens_parents=True)


@pytest.mark.parametrize(
    ("text", "method"),
    [("a.b", "fqn"), ("a/b", "path"), ("a.sql", "file"), ("A.PY", "file"), ("a.csv", "file"), ("a/b.sql", "path"), ("a-b:c", "fqn")],
)
def test_a_value_without_a_method_says_by_its_form_which_is_meant(text: str, method: str) -> None:
    assert parse_criterion(text) == Criterion(method, text)


def test_words_are_united_and_what_commas_join_is_intersected() -> None:
    assert parse(["a,tag:b c", "d"]) == Union(
        (Intersection((Criterion("fqn", "a"), Criterion("tag", "b"))), Criterion("fqn", "c"), Criterion("fqn", "d"))
    )


def test_no_value_to_select_means_everything_but_an_empty_text_means_nothing() -> None:
    assert parse([]) == Everything()
    assert parse([""]) == parse([" "]) == Union(())


def test_what_is_excluded_is_taken_away() -> None:
    tree = parse(["a+"], ["tag:b", "c"])
    included = Criterion("fqn", "a", children=True)
    assert tree == Difference(Union((included,)), Union((Criterion("tag", "b"), Criterion("fqn", "c"))))
    assert str(tree) == "--select a+ --exclude tag:b c"
    assert str(parse([], ["a"])) == "--exclude a"


def test_a_criterion_knows_its_column() -> None:
    (_, second) = parse(["ab tag:x,+c"]).parts  # type: ignore[union-attr]
    assert [criterion.column for criterion in second.parts] == [4, 10]


@given(TEXTS)
def test_a_tree_prints_back_as_a_text_that_means_the_same(text: str) -> None:
    try:
        tree = parse([text])
    except PenstockError:
        return
    printed = str(tree)
    assert parse([printed]) == tree
    assert str(parse([printed])) == printed


@given(st.sampled_from(sorted(METHODS)), st.text("ab.*/-:", min_size=1, max_size=6), st.none() | st.integers(0, 99), st.booleans())
def test_a_criterion_that_was_never_text_prints_as_one(method: str, value: str, depth: int | None, parents: bool) -> None:
    criterion = Criterion(method, value, parents=parents, parents_depth=depth if parents else None, children=not parents)
    assert parse_criterion(str(criterion)) == criterion


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a tga:b", "expected a selection method, found `tga` at column 3 of `a tga:b`", "Did you mean `tag:`?"),
        ("a,1+tga:b", "expected a selection method, found `tga` at column 5 of `a,1+tga:b`", "Did you mean `tag:`?"),
        ("zzz:b", "expected a selection method, found `zzz` at column 1 of `zzz:b`", "Known methods: fqn, tag, "),
        ("x @a+2", "expected no `+` at the end after `@` at the start, found `+2` at column 5 of `x @a+2`", ""),
        ("a\nb", "expected one line, found a line break at column 2 of `a\nb`", ""),
        (f"{'1' * 5000}+a", "expected a number of steps, found 5000 digits at column 1", ""),
    ],
)
def test_a_mistake_is_named_with_its_column(text: str, message: str, hint: str) -> None:
    with pytest.raises(SelectionError) as raised:
        parse([text])
    assert raised.value.message.startswith(message)
    assert str(raised.value.hint).startswith(hint)


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(Problems) as raised:
        parse(["tga:a ok", "@b+"], ["gruop:c"])
    assert [type(problem) for problem in raised.value.problems] == [SelectionError] * 3
