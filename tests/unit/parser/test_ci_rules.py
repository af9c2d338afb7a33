"""`ci: rules:`: short and long forms, near names for mistakes, and patterns that no name can make slow."""

from __future__ import annotations

import pytest
from penstock.errors import ParseError
from penstock.parser.ci_rules import Rules, matches
from penstock.parser.open_stars import open_stars
from penstock.parser.project_file import read_project_file


def rules(text: str) -> Rules:
    return read_project_file(f"ci: {{rules: {{{text} }}}}", "penstock.yml", {}).ci.rules


def test_only_what_is_named_applies() -> None:
    found = read_project_file("", "penstock.yml", {}).ci.rules
    assert (found.unique_key, found.no_select_star, found.naming, found.owner) == (None,) * 4
    assert found.breaking_change.severity == "warn"
    assert rules("breaking_change:").breaking_change.severity == "error"


def test_a_severity_alone_stands_for_the_rule() -> None:
    found = rules("owner: warn, unique_key: off, no_select_star:")
    assert found.owner and found.unique_key and found.no_select_star
    assert [one.severity for one in (found.owner, found.unique_key, found.no_select_star)] == ["warn", "off", "error"]
    assert (found.unique_key.of, found.unique_key.select, found.owner.select) == ("new", ["path:models/marts"], [])


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("ownr: warn", "unknown key `ci.rules.ownr`", "Did you mean `owner`?"),
        ("owner: {severty: warn}", "unknown key `ci.rules.owner.severty`", "Did you mean `severity`?"),
        ("owner: loud", "`ci.rules.owner.severity`: input should be 'error', 'warn' or 'off'", ""),
        ("unique_key: {of: some}", "`ci.rules.unique_key.of`", ""),
        ("naming: {patterns: {a: '('}}", "`ci.rules.naming.patterns.a`: not a pattern: unclosed group", ""),
        ("naming: {patterns: {a: '(?=x)'}}", "look-around", ""),
        (r"naming: {patterns: {a: '(x)\1'}}", "backreferences are not supported", ""),
        ("naming: {patterns: {a: 'a{1000}{1000}{1000}'}}", "exceeds size limit", ""),
        (f"naming: {{patterns: {{a: '{'a' * 501}'}}}}", "may have 500 characters", ""),
    ],
)
def test_a_mistake_is_named_with_what_is_near(text: str, said: str, hint: str) -> None:
    with pytest.raises(ParseError) as caught:
        rules(text)
    assert said in str(caught.value) and caught.value.hint == hint


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "a?" * 200 + "a" * 200])
def test_a_pattern_that_would_take_for_ever_elsewhere_does_not_match_at_once(pattern: str) -> None:
    assert not matches(pattern, "a" * 100_000 + "c")


@pytest.mark.parametrize(
    ("name", "good"), [("fct_x", True), ("dim_x", True), ("fct_x\n", False), ("xfct_x", False), ("fct_", False), ("", False)]
)
def test_a_pattern_is_for_the_whole_name(name: str, good: bool) -> None:
    assert matches("fct_[a-z]+|dim_[a-z]+", name) is good


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select * from a.b", ("b",)),
        ("with f as (select x from a.b) select * from f", ()),
        ("with f as (select * from a.b), g as (select x from f) select * from g", ()),
        ("with f as (select * from a.b) select f.*, 1 as n from f", ("b",)),
        ("select count(*) as n from a.b", ()),
        ("select t.a, u.* from s.t join s.u on true", ("u",)),
        ("select * from (select * from x.y) as z", ("y",)),
        ("select 1 as a union all select * from x.z", ("z",)),
        ("with recursive r as (select 1 as n union all select n + 1 from r) select * from r", ()),
        ("with a as (select * from m.a) select * from a", ("a",)),
        ("from a.b", ("b",)),
        ("select * exclude (x) from a.b join a.c using (id)", ("b", "c")),
        ("broken ((", ()),
        ("select * from a.b, a.b as again", ("b",)),
    ],
)
def test_a_star_is_followed_to_the_table_whose_columns_it_takes(sql: str, tables: tuple[str, ...]) -> None:
    assert open_stars(sql) == tables
