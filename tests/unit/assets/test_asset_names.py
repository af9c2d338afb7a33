"""Names go through one quoting function, and fingerprints depend on values, not on their order."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.fingerprint import digest, fingerprint
from penstock.assets.names import RelationName, literal, quote

HOSTILE = ['a"b', "a'b", "a b", "a.b", "a;drop table x", "select", "Ünï", 'a""b', "--", "/*", "{state}", "$x", "\\"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_column_name_once_quoted(name: str) -> None:
    found = duckdb.sql(f"select 1 as {quote(name)}").columns
    assert found == [name]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_any_text_comes_back_from_its_literal(text: str) -> None:
    assert duckdb.sql(f"select {literal(text)}").fetchall() == [(text,)]


def test_a_relation_is_quoted_part_by_part_and_an_empty_database_is_left_out() -> None:
    assert RelationName('d"b', "s.s", "t t").sql == '"d""b"."s.s"."t t"'
    assert RelationName("", "s", "t").sql == '"s"."t"'
    assert RelationName("d", "s", "t").schema_sql == '"d"."s"'
    assert str(RelationName("d", "s", "t")) == "s.t"


def test_relations_are_compared_in_lower_case_with_the_targets_own_database() -> None:
    assert RelationName("", "Raw", "Orders").normalised("DB") == ("db", "raw", "orders") == RelationName("db", "RAW", "orders").normalised()
    assert RelationName("other", "raw", "orders").normalised("db") != RelationName("", "raw", "orders").normalised("db")


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.integers()), st.dictionaries(st.text(), st.integers()))
def test_other_values_have_other_fingerprints(one: dict[str, int], other: dict[str, int]) -> None:
    assert (fingerprint(one) == fingerprint(other)) is (one == other)


def test_a_digest_takes_text_that_is_not_valid_unicode() -> None:
    assert len(digest("\udc80")) == 32
    assert digest("\udc80") != digest("\udc81")
