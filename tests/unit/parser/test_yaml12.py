"""YAML is read by the rules of version 1.2, and whatever is wrong with it is said with file and line."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.errors import ParseError
from penstock.parser.yaml12 import MAX_ALIASES, MAX_BYTES, MAX_DEPTH, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("no", "no"), ("y", "y"), ("Yes", "Yes"), ("off", "off"), ("true", True), ("False", False), ("TRUE", True),
        ("13:30", "13:30"), ("1:2:3", "1:2:3"), ("2024-01-01", "2024-01-01"), ("2024-01-01 10:00:00", "2024-01-01 10:00:00"),
        ("012", 12), ("0o17", 15), ("0x1F", 31), ("-7", -7), ("+7", 7), ("1_000", "1_000"), ("0b11", "0b11"), ("-0x1", "-0x1"),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), (".inf", math.inf), ("-.inf", -math.inf), ("=", "="), ("1.2.3", "1.2.3"),
        ("~", None), ("null", None), ("Null", None), ("", None), ("nil", "nil"), ("'on'", "on"), ('"1"', "1"), ("<<", "<<"),
    ],
)  # fmt: skip
def test_a_plain_value_is_what_version_1_2_says(text: str, value: Any) -> None:
    found = load_yaml(f"key: {text}", "f")["key"]
    assert found == value
    assert type(found) is type(value)


def test_an_empty_document_is_nothing() -> None:
    assert load_yaml("", "f") is None
    assert load_yaml("# only a comment\n", "f") is None


def test_a_repeated_key_is_an_error_that_names_key_line_and_column() -> None:
    with pytest.raises(ParseError, match="the key 'a' stands twice") as caught:
        load_yaml("top:\n  a: 1\n  b: 2\n  a: 3\n", "f.yml")
    assert str(caught.value.at) == "f.yml:4:3"


def test_lines_are_counted_from_where_the_text_begins_in_its_file() -> None:
    with pytest.raises(ParseError) as caught:
        load_yaml("a: 1\n a: [", "f.sql", first_line=2)
    assert caught.value.at is not None
    assert caught.value.at.line == 3
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "a: [", "a: b: c", "\ta: 1", "? [a]\n: 1", "? {a: b}\n: 1", "a: !!bool maybe", "a: !!timestamp x", "a: !!int x", "a: !!float x",
        "!!map [1]", "a: !!python/object/apply:os.system [id]", "a: !mine 1", "*nobody", "a: 1\n---\nb: 2", "\0", "a: &a [*a]", "a: '\\",
        "a: &x {b: *x}", "[" * 50_000, 'a: "\\xZZ"', "9" * 5000, "{" * 300,
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_broken_yaml_is_a_parse_error(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        load_yaml(text, "f.yml")
    assert str(caught.value).startswith("f.yml")


def test_collections_may_nest_so_deep_and_no_deeper() -> None:
    assert load_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, "f")
    with pytest.raises(ParseError, match="deep") as caught:
        load_yaml("a: 1\nb: " + "[" * 300_000, "f")
    assert str(caught.value.at).startswith("f:2:")


def test_a_file_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(ParseError, match="larger than"):
        load_yaml("#" * (MAX_BYTES + 1), "f")


def test_too_many_aliases_are_refused() -> None:
    text = "a: &a 1\nb: [" + ", ".join(["*a"] * (MAX_ALIASES + 1)) + "]"
    with pytest.raises(ParseError, match="aliases"):
        load_yaml(text, "f")
    assert len(load_yaml(text.replace(", *a]", "]"), "f")["b"]) == MAX_ALIASES


def test_few_aliases_that_stand_for_very_many_values_are_refused() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
    with pytest.raises(ParseError, match="written out"):
        load_yaml(f"l0: &l0 [1]\n{levels}", "f")


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("abc:[]{}&*!-#'\"\n ", max_size=8), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_json_is_yaml(value: Any) -> None:
    import json

    assert load_yaml(json.dumps(value), "f") == value


@settings(deadline=None)
@given(st.text("ab:[]{}&*!?-#'\"\n %@`|>,~0.1e<\t\\", max_size=40))
def test_any_text_is_a_value_or_a_parse_error(text: str) -> None:
    try:
        load_yaml(text, "f")
    except ParseError as error:
        assert error.at is not None
