"""`config.<key>[.<key>...]:<value>`; source: dbt's `ConfigSelectorMethod` and `_getattr_descend`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_FOLDED = ("severity",)
"""The one config whose value is compared without regard to case."""


def config_matches(config: Mapping[str, Any], keys: Sequence[str], wanted: str) -> bool:
    """Tell whether the config under `keys` is `wanted`, or a list that holds it; `true` and `false` match booleans."""
    value: Any = config
    for depth, key in enumerate(keys):
        if not isinstance(value, Mapping) or (depth and hasattr(dict, key)):
            # dbt reaches for an attribute first, so in a nested dictionary the key `items` finds dict's own method.
            return False
        value = value.get(key)
    values = value if isinstance(value, list) else [value]
    boolean = {"TRUE": True, "FALSE": False}.get(wanted.upper())
    if boolean is not None and (boolean in value if isinstance(value, list) else value is boolean):
        return True
    if tuple(keys) == _FOLDED:
        return any(isinstance(one, str) and one.upper() == wanted.upper() for one in values)
    return wanted in values
