"""Several values after one flag, as dbt's command line takes them."""

from __future__ import annotations

import pytest
from penstock.ui.arguments import MULTIPLE, spread


@pytest.mark.parametrize(
    ("given", "spread_out"),
    [
        ("", ""),
        ("build", "build"),
        ("build -s a", "build -s a"),
        ("build -s a b+ tag:x", "build -s a -s b+ -s tag:x"),
        ("build -s a b --exclude c d -q", "build -s a -s b --exclude c --exclude d -q"),
        ("build --select a --select b c", "build --select a --select b --select c"),
        ("build -s a b --threads 4", "build -s a -s b --threads 4"),
        ("build --threads 4 x", "build --threads 4 x"),
        ("build -s", "build -s"),
        ("build -s -q", "build -s -q"),
        ("build -s=a b", "build -s=a b"),
        ("build -s - a", "build -s - -s a"),
        ("ls --resource-type model seed", "ls --resource-type model --resource-type seed"),
        ("ls --output-keys name tags --output json", "ls --output-keys name --output-keys tags --output json"),
        ("build -q -s 1+a+2 @b", "build -q -s 1+a+2 -s @b"),
    ],
)
def test_values_after_a_flag_are_spread(given: str, spread_out: str) -> None:
    assert spread(given.split()) == spread_out.split()


def test_a_quoted_value_stays_one_value() -> None:
    assert spread(["build", "-s", "a b,c", "d"]) == ["build", "-s", "a b,c", "-s", "d"]


def test_every_flag_that_takes_several_values_is_known_to_a_command() -> None:
    from penstock.ui.cli import COMMANDS, cli

    known: set[str] = set()
    for name in COMMANDS:
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        known |= {flag for option in command.params if getattr(option, "multiple", False) for flag in option.opts}
    assert known == MULTIPLE
