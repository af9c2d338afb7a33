"""What surrounds a run of `ci`: the CI service's variables, and what must never be in a report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.app.settings import Settings, read_text
from penstock.errors import ConfigError

_SECRET_WORDS = ("password", "passwd", "token", "secret", "key_id", "api_key", "private_key", "access_key", "credential", "passphrase")
_PLAIN = frozenset({"type", "provider", "name", "region", "scope", "endpoint", "url_style", "use_ssl", "persistent"})
"""Keys of DuckDB's secrets whose values are none: blanking them out would only spoil the text."""


def labels_of(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels of the pull request that GitHub started this run for, none elsewhere.

    Source: the `pull_request` event, whose file GITHUB_EVENT_PATH names. Raises ConfigError for a file that is no such event.
    """
    path = env.get("GITHUB_EVENT_PATH", "")
    if not path or not Path(path).is_file():
        return ()
    try:
        event = json.loads(read_text(Path(path)))
        labels = ((event.get("pull_request") or {}) if isinstance(event, dict) else {}).get("labels") or ()
        return tuple(str(label["name"]) for label in labels)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError("GITHUB_EVENT_PATH names no event of GitHub's", hint="Give labels by --label.") from error


def base_of(given: str, env: Mapping[str, str]) -> str:
    """Return what to compare with: what was given, else the branch that the CI service says the pull request goes to."""
    branch = env.get("GITHUB_BASE_REF") or env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or ""
    return given or (f"origin/{branch}" if branch else "")


def secrets_around(env: Mapping[str, str], settings: Settings | None) -> dict[str, str]:
    """Return the environment, and the profile's secrets as if they stood in it: what `redact` blanks out."""
    found = _secret_values(settings.profile.raw) if settings is not None else ()
    return {**env, **{f"PENSTOCK_SECRET_OF_PROFILE_{number}": value for number, value in enumerate(found)}}


def _secret_values(value: Any, *, secret: bool = False) -> Iterator[str]:
    """Yield what stands under keys such as `password`, and everything of `secrets:`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            named = any(word in str(key).lower() for word in _SECRET_WORDS)
            yield from _secret_values(item, secret=named or (secret and str(key).lower() not in _PLAIN))
    elif isinstance(value, list):
        for item in value:
            yield from _secret_values(item, secret=secret)
    elif secret and value is not None:
        yield str(value)
