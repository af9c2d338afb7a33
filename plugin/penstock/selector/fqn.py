"""Which fully qualified names a dotted name selects; source: dbt's `is_selected_node`.

A name selects an asset whose own name it is, whose fqn begins with it, or whose fqn does without its package. A dot
inside a model's name separates like any other, so a fqn is compared as one dotted text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

from penstock.assets.asset import Asset, Kind
from penstock.selector.globs import CLASS, matcher

_WILDCARDS = frozenset("*?[]")
_JOKER = re.compile(r"[*?]")

Numbered = tuple[int, Asset]


class NameIndex:
    """Assets by their own name and by what their fqn begins with after the package."""

    def __init__(self, assets: Sequence[Numbered]) -> None:
        self._assets = assets
        self._packages = {asset.fqn[0] for _, asset in self._assets}
        self._versioned: list[Numbered] = []
        self._named: dict[str, int] = {}
        self._namesakes: list[Numbered] = []
        self._folders: dict[str, list[Numbered]] = defaultdict(list)
        for numbered in self._assets:
            number, asset = numbered
            fqn = asset.fqn
            if asset.version and is_versioned(asset):
                self._versioned.append(numbered)
            elif self._named.setdefault(fqn[-1], number) != number:
                self._namesakes.append(numbered)
            if len(fqn) > 2 or "." in fqn[-1]:
                self._folders[fqn[1].partition(".")[0]].append(numbered)

    def find(self, name: str) -> Iterator[int]:
        """Yield the ids of what a name without wildcards selects; one may come twice."""
        if name in self._named:
            yield self._named[name]
        end = version_end(name)
        yield from (number for number, asset in chain(self._versioned, self._namesakes) if is_own_name(asset, name, end))
        first = name.partition(".")[0]
        for number, asset in self._assets if first in self._packages else self._folders.get(first, []):
            dotted = ".".join(asset.fqn) + "."
            if dotted.startswith(f"{name}.") or dotted.partition(".")[2].startswith(f"{name}."):
                yield number


def has_wildcard(name: str) -> bool:
    """Tell whether any part of a name is a pattern; a lone bracket counts too."""
    return not _WILDCARDS.isdisjoint(name)


class NamePatterns:
    """Assets to be matched against names with wildcards."""

    def __init__(self, assets: Sequence[Numbered]) -> None:
        self._assets = [(".".join(asset.fqn), number, asset) for number, asset in assets]

    def find(self, name: str) -> Iterator[int]:
        """Yield the ids of what a name with wildcards selects.

        From the first part that has one, the pattern is matched against all the rest of the fqn; a pattern without a
        dot is matched against the asset's own name too.
        """
        if name == "*":
            yield from (number for _, number, _ in self._assets)
            return
        parts = name.split(".")
        wild = next(index for index, part in enumerate(parts) if has_wildcard(part))
        before = "".join(f"{part}." for part in parts[:wild])
        rest = matcher(".".join(parts[wild:]))
        dots = len(parts) - 1
        end = version_end(name)

        def is_like(asset: Asset, dotted: str) -> bool:
            if (dots == 0 and rest(_own_name(asset))) or is_own_name(asset, name, end):
                return True
            for text in (dotted, dotted.partition(".")[2]):
                if text.startswith(before) and text.count(".") >= dots and rest(text[len(before) :]):
                    return True
            return False

        yield from (number for number, asset, dotted in self._likely(name) if is_like(asset, dotted))

    def _likely(self, name: str) -> Iterator[tuple[int, Asset, str]]:
        """Yield what holds the longest plain piece of a pattern, which leaves little to match; a version may be joined by a `_`."""
        piece = max(_JOKER.split(name.partition(CLASS)[0]), key=len)
        return ((number, asset, dotted) for dotted, number, asset in self._assets if piece in dotted or asset.version)


def is_versioned(asset: Asset) -> bool:
    """Whether the last part of the fqn is a version; a unit test may have a version, but not in its fqn."""
    return asset.version != "" and asset.kind is Kind.MODEL


def is_own_name(asset: Asset, name: str, end: str) -> bool:
    """Tell whether `name` is an asset's own; with a version only the last two parts count, joined by a dot or a `_`."""
    if is_versioned(asset):
        return asset.fqn[-2] == name or "_".join(asset.fqn[-2:]) == end
    return asset.fqn[-1] == name


def version_end(name: str) -> str:
    """Return the end of a name as `model_version`."""
    return "_".join(name.split(".")[-2:])


def _own_name(asset: Asset) -> str:
    return asset.fqn[-2] if asset.version and is_versioned(asset) else asset.fqn[-1]
