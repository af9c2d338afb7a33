"""The one sink for secrets: values of secret environment variables reach neither a screen nor a state table."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache

PREFIXES = ("DBT_ENV_SECRET", "DBT_ENGINE_SECRET", "PENSTOCK_SECRET")
"""Variables whose values are secret, as dbt has it (`DBT_ENV_SECRET_`)."""

_WORDS = ("PASSWORD", "TOKEN", "SECRET", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY")
_SHORTEST = 6
"""Shorter values are not looked for: they would blank out ordinary text."""


def secrets_of(env: Mapping[str, str]) -> list[str]:
    """Return the secret values of an environment in every form they may take, longest first."""
    found = {
        form
        for name, value in env.items()
        if len(value) >= _SHORTEST and (name.startswith(PREFIXES) or any(word in name.upper() for word in _WORDS))
        for form in _forms(value)
    }
    return sorted(found, key=len, reverse=True)


@cache
def _own_secrets() -> tuple[str, ...]:
    """The secrets of this process, whose environment does not change while it runs."""
    return tuple(secrets_of(os.environ))


def _forms(secret: str) -> list[str]:
    """Return a secret as it may stand in a text: as it is, within JSON, within a SQL literal, and line by line."""
    lines = [line for line in secret.splitlines() if len(line) >= _SHORTEST]
    return list(
        dict.fromkeys([secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], secret.replace("'", "''"), *lines])
    )


def redact(text: str, env: Mapping[str, str] | None = None) -> str:
    """Return text with every secret value replaced by asterisks."""
    for secret in _own_secrets() if env is None else secrets_of(env):
        text = text.replace(secret, "*****")
    return text
