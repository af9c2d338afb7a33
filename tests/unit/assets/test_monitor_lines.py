"""Ready-made checks are read from one line each; what cannot be understood is told together, with what is near."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.assets.monitors import Distribution, Meaning, Newest, NullRate, Volume, monitor_name, read_monitors
from penstock.errors import ConfigError, Location, Problems

AT = Location("models/orders.yml", 3)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("volume", [Volume()]),
        (["volume"], [Volume()]),
        ({"volume": None}, [Volume()]),
        ([{"volume": {"low": "80%", "high": 1.5, "weekday": False, "last": 14, "min_history": 5}}], [Volume(0.8, 1.5, False, 14, 5)]),
        ([{"volume": {"weekday": "false"}}], [Volume(weekday=False)]),
        ([{"null_rate": "email"}], [NullRate("email")]),
        ([{"null_rate": ["email", "phone"]}], [NullRate("email"), NullRate("phone")]),
        ([{"null_rate": {"column": ["a", "b"], "jump": "2%"}}], [NullRate("a", 0.02), NullRate("b", 0.02)]),
        ([{"freshness": {"column": "loaded_at", "max_age": "36 hours"}}], [Newest("loaded_at", 36 * HOUR)]),
        ([{"distribution": {"column": "amount", "shift": 0.5}}], [Distribution("amount", 0.5)]),
        ([{"volume": {"last": 2, "min_history": 2}}], [Volume(last=2, min_history=2)]),
        ([{"volume": {"severity": "warn"}}], [Volume(meaning=Meaning("warn"))]),
        ([{"null_rate": {"column": "a", "when": "after"}}], [NullRate("a", meaning=Meaning(when="after"))]),
        ([], []),
    ],
)
def test_one_line_is_enough_for_each_kind(said: Any, found: list[Any]) -> None:
    assert list(read_monitors(said, AT)) == found


@pytest.mark.parametrize(
    ("said", "words", "hint"),
    [
        (["volum"], "there is no check `volum`", "Did you mean `volume`?"),
        (["entropy"], "there is no check `entropy`", "Known: volume, null_rate, freshness, distribution."),
        ([{"volume": {"lowest": 0.5}}], "`volume` has no `lowest`", "Did you mean `low`?"),
        ([{"volume": "amount"}], "takes no column", "Write `volume` alone."),
        ([{"volume": {"low": "half"}}], "`low: half` is no share", "Write low: 50%."),
        ([{"volume": {"low": True}}], "`low: True` is no share", "Write low: 50%."),
        ([{"volume": {"low": -1}}], "`low: -1` is no share", "Write low: 50%."),
        ([{"volume": {"low": 3}}], "`low` is not below `high`", "3"),
        ([{"volume": {"low": 1, "high": 1}}], "`low` is not below `high`", "1 and 1"),
        ([{"volume": {"last": 0}}], "`last: 0` is no number of builds", "from 1 on"),
        ([{"volume": {"last": 3, "min_history": 4}}], "never 4", "last"),
        ([{"null_rate": {"column": "a", "last": 2}}], "of the last 2 there are never 3", "last"),
        ([{"volume": {"weekday": "monday"}}], "neither true nor false", "weekday"),
        (["null_rate"], "`null_rate` needs the name of a column", "null_rate: {column: ...}"),
        ([{"null_rate": {"column": []}}], "`null_rate` needs the name of a column", "null_rate"),
        ([{"null_rate": {"column": [1]}}], "`null_rate` needs the name of a column", "null_rate"),
        ([{"null_rate": {"column": ["a", "a"]}}], "`null_rate a` is there twice", "Leave one"),
        ([{"freshness": "loaded_at"}], "`freshness` needs `max_age`", "freshness: {column: ..., max_age: ...}"),
        ([{"freshness": {"column": "a", "max_age": "soon"}}], "`max_age: soon` is not a duration", "30m"),
        ([{"volume": {"severity": "eror"}}], "`severity: eror` is not known", "Did you mean `error`?"),
        (["volume", "volume"], "`volume` is there twice", "Leave one"),
        (7, "`7` is no check", "volume"),
        ([None], "`None` is no check", "volume"),
    ],
)
def test_a_mistake_names_its_place_and_a_remedy(said: Any, words: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_monitors(said, AT)
    assert words in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.at == AT


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(Problems) as caught:
        read_monitors(["volum", {"null_rate": {"jmp": 1}}, {"freshness": {"column": "a", "max_age": "x", "last": 1}}], AT)
    assert len(caught.value.problems) == 5


def test_names_tell_kind_asset_and_column() -> None:
    assert monitor_name(Volume(), "orders") == "volume_orders"
    assert monitor_name(NullRate("e mail"), "orders") == "null_rate_orders_e mail"
