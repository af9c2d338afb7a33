"""`defaults.retries`, `defaults.timeout` and `pools` of `penstock.yml`: read like those of an asset, wrong ones named with their line."""

from __future__ import annotations

import pytest
from penstock.assets.limits import NO_LIMITS, Limits, Retries
from penstock.errors import Location, PenstockError
from penstock.parser.project_file import read_project_file

AT = Location("penstock.yml")


def limits(text: str) -> Limits:
    return read_project_file(text, "penstock.yml", {}).defaults.limits(AT)


def test_without_defaults_there_are_no_limits() -> None:
    assert limits("") == limits("defaults: {executor: native}") == NO_LIMITS
    assert read_project_file("", "penstock.yml", {}).pools == {}


def test_defaults_and_pools_are_read() -> None:
    text = "defaults:\n  retries: {attempts: 3, backoff: 10s, on: [transient, timeout]}\n  timeout: 5m\npools: {api: 2, heavy: 1}"
    assert limits(text) == Limits(Retries(3, 10.0, 0.0, frozenset({"transient", "timeout"})), 300.0)
    assert read_project_file(text, "penstock.yml", {}).pools == {"api": 2, "heavy": 1}


def test_on_is_no_boolean_in_these_files() -> None:
    assert limits("defaults:\n  retries:\n    on: timeout").retries.on == {"timeout"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("target: x\ndefaults: {retries: {atempts: 3}}", "penstock.yml:2: unknown key `retries.atempts`"),
        ("target: x\ndefaults: {timeout: soon}", "penstock.yml:2: `timeout: soon` is not a duration"),
        ("defaults: {timeout: 30}", "penstock.yml:1: `defaults.timeout`"),
        ("defaults: {retrys: {}}", "penstock.yml:1: unknown key `defaults.retrys`"),
        ("defaults: {pool: api}", "penstock.yml:1: unknown key `defaults.pool`"),
        ("target: x\npools: {api: 0}", "penstock.yml:2: `pools.api`"),
        ("pools: {api: true}", "penstock.yml:1: `pools.api`"),
        ("pools: [api]", "penstock.yml:1: `pools`"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(PenstockError) as caught:
        read_project_file(text, "penstock.yml", {})
    assert str(caught.value).startswith(words)
