"""Secrets are blanked out by value, in every form in which they may stand in a text."""

from __future__ import annotations

import json

import pytest
from penstock.assets.redact import redact, secrets_of

SECRET = "hun\"ter\\2 'ö"
ENV = {"DBT_ENV_SECRET_KEY": SECRET, "PATH": "/usr/bin", "HOME": "/home/someone"}


@pytest.mark.parametrize(
    "name", ["DBT_ENV_SECRET_X", "DBT_ENGINE_SECRET_X", "PENSTOCK_SECRET", "PGPASSWORD", "github_token", "AWS_SECRET_ACCESS_KEY"]
)
def test_the_value_of_a_secret_variable_is_blanked_out(name: str) -> None:
    assert redact("connecting with hunter22!", {name: "hunter22"}) == "connecting with *****!"


def test_other_variables_and_very_short_values_are_left_alone() -> None:
    assert redact("/usr/bin and abc", {"PATH": "/usr/bin", "MY_TOKEN": "abc"}) == "/usr/bin and abc"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        json.dumps({"error": SECRET}),
        json.dumps({"error": SECRET}, ensure_ascii=False),
        f"select '{SECRET.replace(chr(39), chr(39) * 2)}'",
    ],
    ids=["plain", "json", "json unicode", "sql literal"],
)
def test_a_secret_is_blanked_out_however_it_is_escaped(text: str) -> None:
    shown = redact(text, ENV)
    assert "*****" in shown
    assert "hun" not in shown


def test_a_secret_of_several_lines_is_blanked_out_line_by_line() -> None:
    env = {"PRIVATE_KEY": "first-line-of-it\nsecond-line-of-it\n"}
    assert redact("x second-line-of-it y", env) == "x ***** y"


def test_a_secret_within_a_longer_one_does_not_leave_the_rest_of_that_one() -> None:
    env = {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghij"}
    assert secrets_of(env)[0] == "abcdefghij"
    assert redact("abcdefghij", env) == "*****"
