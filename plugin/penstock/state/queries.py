"""The `.sql` files of the state tables: loaded by name, the schema's quoted name filled in, parameters bound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from penstock.assets.names import literal

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PARAMETER = re.compile(r"\$([a-z_]+)")
_SLOT = re.compile(r"\{state\}|\{relation\}")
_SLOT_OR_PARAMETER = re.compile(r"\$([a-z_]+)|\{state\}|\{relation\}")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def sql_file(name: str) -> str:
    """Return the text of one file under `state/sql/`."""
    return files("penstock.state").joinpath("sql", *name.split("/")).read_text(encoding="utf-8")


@cache
def queries() -> Mapping[str, str]:
    """Return every named query of `queries.sql`, comments taken out."""
    parts = _NAME.split(sql_file("queries.sql"))
    return {name: _COMMENT.sub("", text).strip().rstrip(";") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def parameters(name: str) -> frozenset[str]:
    """Return the names of a query's parameters."""
    return frozenset(_PARAMETER.findall(queries()[name]))


def statement(name: str, state: str, relation: str = "") -> str:
    """Return a query with the quoted schema `state` and the quoted `relation` filled in."""
    names = {"{state}": state, "{relation}": relation}
    return _SLOT.sub(lambda match: names[match[0]], queries()[name])


def rendered(name: str, state: str, values: Mapping[str, Any], relation: str = "") -> str:
    """Return a query with its parameters written as literals, for the one place that cannot bind them: dbt's hooks.

    One pass over the text: what a value or a name contains is never looked at again.
    """
    names = {"{state}": state, "{relation}": relation}
    return _SLOT_OR_PARAMETER.sub(lambda match: _literal(values[match[1]]) if match[1] else names[match[0]], queries()[name])


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime):
        return f"timestamp {literal(value.isoformat(sep=' '))}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return literal(str(value))
