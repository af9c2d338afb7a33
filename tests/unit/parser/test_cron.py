"""Which texts are cron expressions."""

from __future__ import annotations

import pytest
from penstock.parser.cron import NICKNAMES, cron_problems


@pytest.mark.parametrize(
    "text",
    [
        *NICKNAMES,
        "@DAILY",
        "* * * * *",
        "0 0 1 1 0",
        "59 23 31 12 7",
        "*/15 6-22 * * mon-fri",
        "0,30 1-5/2 1,15 JAN,jul-sep *",
        "5/10 * * * 0-7",
    ],
)
def test_what_crontab_takes_is_taken(text: str) -> None:
    assert not list(cron_problems(text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["it has 0 fields"]),
        ("@often", ["it has 1 fields"]),
        ("* * * * * *", ["it has 6 fields"]),
        ("60 24 0 13 8", ["`60` is no minute", "`24` is no hour", "`0` is no day of month", "`13` is no month", "`8` is no day of week"]),
        ("5-1 * * * *", ["`5-1` is no minute"]),
        ("1-2-3 * * * *", ["`1-2-3` is no minute"]),
        ("*/0 * * * *", ["`*/0` is no minute"]),
        ("1/ * * * *", ["`1/` is no minute"]),
        ("-1 , * * jan", ["`-1` is no minute", "`` is no hour", "`` is no hour", "`jan` is no day of week"]),
        ("٣ * * * *", ["`٣` is no minute"]),
    ],
)
def test_everything_else_is_told_field_by_field(text: str, told: list[str]) -> None:
    found = list(cron_problems(text))
    assert len(found) == len(told)
    assert all(problem.startswith(words) for problem, words in zip(found, told, strict=True))
