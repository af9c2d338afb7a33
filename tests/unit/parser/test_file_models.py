"""A file format names the bad key, its line, and the nearest key it knows."""

from __future__ import annotations

import pytest
from penstock.errors import ParseError, Problems
from penstock.parser.models import FileModel, key_lines, validate


class Inner(FileModel):
    path: str
    read_only: bool = True


class Outer(FileModel):
    target: str = ""
    threads: int = 1
    inner: Inner | None = None
    attach: dict[str, Inner] = {}


def problem(text_key: str, value: object = 1) -> ParseError:
    with pytest.raises(ParseError) as caught:
        validate(Outer, {text_key: value}, "f.yml", {text_key: 7})
    return caught.value


def test_an_unknown_key_comes_with_its_line_and_the_nearest_known_one() -> None:
    error = problem("taget")
    assert (str(error), error.hint) == ("f.yml:7: unknown key `taget`", "Did you mean `target`?")


def test_an_unknown_key_like_no_other_comes_with_all_known_ones() -> None:
    assert problem("zzz").hint == "Known keys: attach, inner, target, threads."


@pytest.mark.parametrize(
    ("key", "value"), [("inner", {"path": "x", "read_onli": True}), ("attach", {"shop": {"path": "x", "read_onli": 1}})]
)
def test_an_unknown_key_further_down_is_compared_with_the_keys_of_its_place(key: str, value: object) -> None:
    error = problem(key, value)
    assert error.hint == "Did you mean `read_only`?"
    assert f"unknown key `{key}." in error.message


def test_a_value_of_the_wrong_type_is_named_with_its_key() -> None:
    assert "`threads`" in problem("threads", "many").message
    assert "`inner.path`" in problem("inner", {}).message


def test_all_bad_keys_are_reported_together() -> None:
    with pytest.raises(Problems) as caught:
        validate(Outer, {"taget": 1, "threads": "x"}, "f.yml")
    assert len(caught.value.problems) == 2


def test_nothing_at_all_is_an_empty_mapping_and_a_list_is_not() -> None:
    assert validate(Outer, None, "f.yml") == Outer()
    with pytest.raises(ParseError, match="pairs"):
        validate(Outer, ["target"], "f.yml")


def test_only_keys_at_the_left_edge_have_lines() -> None:
    assert key_lines("# c: 1\na: 1\n  b: 2\nc:\n  - d: 1\na: 3", 10) == {"a": 11, "c": 13}
