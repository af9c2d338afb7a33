"""Which fully qualified names a dotted name selects; source: dbt's `is_selected_node`, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from penstock.assets.asset import Asset, Kind
from penstock.selector.globs import Matcher, matcher

_WILDCARDS = frozenset("*?[]")


def name_matcher(name: str) -> Callable[[Asset], object]:
    """Return what is truthy for an asset that `name` selects, its package written in front or not."""
    parts = name.split(".")
    wild = next((index for index, part in enumerate(parts) if not _WILDCARDS.isdisjoint(part)), None)
    if name == "*":
        return _anything
    if wild is None:
        return _plain(name, parts)
    return _wild(parts, wild)


def _anything(asset: Asset) -> bool:
    return True


def _versioned(asset: Asset) -> bool:
    return asset.kind is Kind.MODEL and bool(asset.version)


def _flat(fqn: Sequence[str]) -> list[str]:
    """A dot inside a model's name separates like any other."""
    return ".".join(fqn).split(".")


def _plain(name: str, parts: list[str]) -> Callable[[Asset], object]:
    count = len(parts)
    versioned_end = "_".join(parts[-2:])

    def selects(asset: Asset) -> bool:
        fqn = asset.fqn
        if _versioned(asset):
            if fqn[-2] == name or "_".join(fqn[-2:]) == versioned_end:
                return True
        elif fqn[-1] == name:
            return True
        flat = _flat(fqn)
        return flat[:count] == parts or flat[1 : count + 1] == parts

    return selects


def _wild(parts: list[str], wild: int) -> Callable[[Asset], object]:
    before = parts[:wild]
    rest = matcher(".".join(parts[wild:]))
    leaf = rest if len(parts) == 1 else None

    def selects(asset: Asset) -> object:
        fqn = asset.fqn
        flat = _flat(fqn)
        if _continues(flat, before, rest, len(parts)) or _continues(flat[1:], before, rest, len(parts)):
            return True
        return leaf is not None and leaf(fqn[-2] if _versioned(asset) else fqn[-1])

    return selects


def _continues(flat: list[str], before: list[str], rest: Matcher, count: int) -> object:
    """Tell whether a name begins with `before` and goes on as `rest` says, having at least `count` parts."""
    wild = len(before)
    return len(flat) >= count and flat[:wild] == before and rest(".".join(flat[wild:]))
