"""A dbt-duckdb target's connection settings as DuckDB statements, so that the native connection equals dbt's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.assets.names import literal, quote
from penstock.errors import ConfigError

_WORD = re.compile(r"\w+")


def connection_statements(target: Mapping[str, Any]) -> Iterator[str]:
    """Yield what runs once after opening: extensions, secrets, attached databases, as dbt-duckdb's `initialize_db` does.

    Raises ConfigError for an option whose name or type is not a plain word.
    """
    for extension in target.get("extensions") or ():
        if isinstance(extension, Mapping):
            yield f"install {_word(extension.get('name'))} from {_repository(extension.get('repo'))}"
            yield f"load {_word(extension.get('name'))}"
        else:
            yield f"install {_word(extension)}"
            yield f"load {_word(extension)}"
    for number, secret in enumerate(target.get("secrets") or (), 1):
        yield _secret(dict(secret), f"_dbt_secret_{number}")
    for attachment in target.get("attach") or ():
        yield attach_statement(attachment)


def session_statements(target: Mapping[str, Any]) -> Iterator[str]:
    """Yield what runs on every cursor: the target's settings."""
    for key, value in (target.get("settings") or {}).items():
        yield f"set {_word(key)} = {literal(str(value))}"


def attach_statement(attachment: Mapping[str, Any]) -> str:
    """Return the ATTACH statement of one `attach:` entry."""
    options = {str(key): value for key, value in (attachment.get("options") or {}).items()}
    for key in ("type", "secret"):
        if attachment.get(key):
            options[key] = attachment[key]
    if attachment.get("read_only"):
        options["read_only"] = True
    parts = [_option(key, value) for key, value in options.items() if value not in (None, False)]
    alias = f" as {quote(str(attachment['alias']))}" if attachment.get("alias") else ""
    path = literal(str(attachment.get("path") or ""))
    listed = f" ({', '.join(parts)})" if parts else ""
    return f"attach if not exists {path}{alias}{listed}"


def _option(key: str, value: Any) -> str:
    if value is True:
        return _word(key).upper()
    if key in ("type", "secret") or isinstance(value, (int, float)):
        return f"{_word(key).upper()} {_word(value) if key in ('type', 'secret') else value}"
    return f"{_word(key).upper()} {literal(str(value))}"


def _secret(secret: dict[str, Any], default_name: str) -> str:
    name = str(secret.pop("name", "") or default_name)
    persistent = " persistent" if secret.pop("persistent", False) is True else ""
    parts: list[str] = []
    for key, value in secret.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            pairs = ", ".join(f"{literal(str(k))}: {literal(str(v))}" for k, v in value.items())
            parts.append(f"{_word(key)} map {{{pairs}}}")
        elif key == "scope" and isinstance(value, list):
            parts += [f"scope {literal(str(item))}" for item in value]
        elif isinstance(value, list):
            parts.append(f"{_word(key)} array [{', '.join(literal(str(item)) for item in value)}]")
        else:
            parts.append(f"{_word(key)} {_word(value) if key in ('type', 'provider') else literal(str(value))}")
    return f"create or replace{persistent} secret {quote(name)} ({', '.join(parts)})"


def _word(value: Any) -> str:
    text = str(value)
    if not _WORD.fullmatch(text):
        raise ConfigError(f"`{text}` in the profile is not a plain name")
    return text


def _repository(value: Any) -> str:
    text = str(value)
    return text if _WORD.fullmatch(text) else literal(text)
