"""`config.<key>[.<key>...]:<value>`; source: dbt's `ConfigSelectorMethod` and `_getattr_descend`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_FOLDED = ("severity",)
"""The one config whose value is compared without regard to case."""

_BOOLEANS = {"TRUE": True, "FALSE": False}


def config_matcher(keys: Sequence[str], wanted: Any) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether the config under `keys` is `wanted`, or a list that holds it.

    `true` and `false`, however they are written, match booleans too. Any other value matches only one of its own type.
    """
    folded = str(wanted).upper()
    boolean = _BOOLEANS.get(folded)
    fold = tuple(keys) == _FOLDED

    def is_wanted(value: Any) -> bool:
        if isinstance(value, list):
            return wanted in value or (fold and folded in map(_upper, value)) or (boolean is not None and boolean in value)
        return bool(value == wanted) or (fold and _upper(value) == folded) or (boolean is not None and value is boolean)

    return lambda config: is_wanted(config_value(config, keys))


def config_value(config: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """Return the value under `keys`, None where there is none."""
    value: Any = config
    for depth, key in enumerate(keys):
        if depth and (not isinstance(value, dict) or key in _DICT_NAMES):
            return None
        value = value.get(key)
    return value


_DICT_NAMES = frozenset(dir(dict))
"""dbt reaches for an attribute first, so in a nested dictionary the key `items` finds dict's own method."""


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value
