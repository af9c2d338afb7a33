"""Recorded column lineage, walked: what a column comes from, what it flows into, and the columns of an asset by name."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from penstock.assets.names import AssetKey
from penstock.errors import SelectionError

ROWS = ""
EVERY_COLUMN = "*"
_BUILD = "Run `penstock build` to record columns."


class Spot(NamedTuple):
    """A column of an asset; `ROWS` for which rows it has, `EVERY_COLUMN` for columns that are not known."""

    asset: AssetKey
    column: str

    @property
    def folded(self) -> tuple[AssetKey, str]:
        """The same however the column is spelled."""
        return self.asset, self.column.lower()


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """An edge of column lineage; `detail` says why one is `unknown`. The kind `rows` leads from an asset's rows to its readers'."""

    source: Spot
    target: Spot
    kind: str
    detail: str = ""


Near = Callable[[Spot], Sequence[Link]]


class ColumnMap:
    """All of the recorded column lineage; `readers` are pairs of an asset and one that reads it, `columns` those of assets in order."""

    def __init__(
        self, links: Iterable[Link], readers: Iterable[tuple[AssetKey, AssetKey]] = (),
        columns: Mapping[AssetKey, Sequence[str]] | None = None,
    ) -> None:  # fmt: skip
        self.columns = columns or {}
        self._above: dict[tuple[AssetKey, str], list[Link]] = defaultdict(list)
        self._below: dict[tuple[AssetKey, str], list[Link]] = defaultdict(list)
        self._arriving: dict[AssetKey, list[Link]] = defaultdict(list)
        self._leaving: dict[AssetKey, list[Link]] = defaultdict(list)
        for link in sorted(links):
            self._above[link.target.folded].append(link)
            self._below[link.source.folded].append(link)
            self._arriving[link.target.asset].append(link)
            self._leaving[link.source.asset].append(link)
        self._children: dict[AssetKey, list[AssetKey]] = defaultdict(list)
        for parent, child in sorted(set(readers)):
            self._children[parent].append(child)

    def origins(self, spot: Spot) -> Sequence[Link]:
        """Return what flows into a column, and what decides about its rows."""
        if spot.column == EVERY_COLUMN:
            return self._arriving.get(spot.asset, [])
        others = ((spot.asset, EVERY_COLUMN), (spot.asset, ROWS)) if spot.column != ROWS else ()
        return [link for place in (spot.folded, *others) for link in self._above.get(place, ())]

    def uses(self, spot: Spot) -> Sequence[Link]:
        """Return what a column flows into; rows go into the rows of whoever reads the asset."""
        if spot.column == ROWS:
            return [Link(spot, Spot(child, ROWS), "rows") for child in self._children.get(spot.asset, ())]
        if spot.column == EVERY_COLUMN:
            return self._leaving.get(spot.asset, [])
        return [*self._below.get(spot.folded, ()), *self._below.get((spot.asset, EVERY_COLUMN), ())]

    def upstream(self, start: Iterable[Spot], depth: int | None = None) -> list[Link]:
        """Return the links that lead to some columns, over at most `depth` of them, nearest first."""
        return walked(start, self.origins, lambda link: link.source, depth)

    def downstream(self, start: Iterable[Spot], depth: int | None = None) -> list[Link]:
        """Return the links that lead on from some columns, over at most `depth` of them, nearest first."""
        return walked(start, self.uses, lambda link: link.target, depth)

    def between(self, start: Sequence[Spot], up: int | None, down: int | None) -> list[Link]:
        """Return all of these links, each once."""
        return list(dict.fromkeys((*self.upstream(start, up), *self.downstream(start, down))))

    def find(self, text: str, assets: Iterable[AssetKey]) -> Spot:
        """Return the column that people call so: an asset's name, a dot, and a column in any case; both may hold dots.

        Raises SelectionError for none or several, with near names.
        """
        names = names_of(assets)
        splits = [(text[:dot], text[dot + 1 :]) for dot in range(len(text) - 1, 0, -1) if text[dot] == "." and text[:dot] in names]
        for node, column in splits:
            found = {spot for key in names[node] if (spot := self._spot(key, column)) is not None}
            if len(found) > 1:
                several = " or ".join(sorted(".".join(spot) for spot in found))
                raise SelectionError(f"`{text}` could be {several}", hint="Use the full name.")
            if found:
                return found.pop()
        raise self._unknown(text, splits, names)

    def _spot(self, key: AssetKey, column: str) -> Spot | None:
        spelled = next((name for name in self.columns.get(key, ()) if name.lower() == column.lower()), None)
        if spelled is not None:
            return Spot(key, spelled)
        is_open = (key, EVERY_COLUMN) in self._above or (key, EVERY_COLUMN) in self._below
        return Spot(key, column) if column and is_open else None

    def _unknown(self, text: str, splits: Sequence[tuple[str, str]], names: Mapping[str, Sequence[AssetKey]]) -> SelectionError:
        node, _, column = text.rpartition(".")
        if not splits:
            hint = _did_you_mean(f"{name}.{column}" for name in difflib.get_close_matches(node, names, 3))
            return SelectionError(f"no asset with a column is on record that is called `{text}`", hint=hint or _BUILD)
        node, column = splits[-1]
        known = {name.lower(): name for key in names[node] for name in self.columns.get(key, ())}
        near = [f"{node}.{known[name]}" for name in difflib.get_close_matches(column.lower(), known, 3)]
        otherwise = f"Its columns: {', '.join(list(known.values())[:10])}." if known else _BUILD
        return SelectionError(f"no column `{column}` of {node} is on record", hint=_did_you_mean(near) or otherwise)


def _did_you_mean(names: Iterable[str]) -> str:
    near = " or ".join(names)
    return f"Did you mean {near}?" if near else ""


def walked(start: Iterable[Spot], near: Near, end: Callable[[Link], Spot], depth: int | None) -> list[Link]:
    """Follow links from some columns, each column once, and return the links in the order they were found."""
    seen = {spot.folded for spot in start}
    frontier = list(dict.fromkeys(start))
    found: dict[Link, None] = {}
    steps = 0
    while frontier and (depth is None or steps < depth):
        reached: dict[tuple[AssetKey, str], Spot] = {}
        for spot in frontier:
            for link in near(spot):
                found[link] = None
                reached.setdefault(end(link).folded, end(link))
        frontier = [spot for place, spot in reached.items() if place not in seen]
        seen |= reached.keys()
        steps += 1
    return list(found)


def names_of(keys: Iterable[AssetKey]) -> dict[str, list[AssetKey]]:
    """Return what people call assets, each name with what it means; where it may mean several, the surest meaning alone."""
    found: dict[str, dict[int, list[AssetKey]]] = defaultdict(lambda: defaultdict(list))
    for key in sorted(set(keys)):
        for name, rank in _names(key).items():
            found[name][rank].append(key)
    return {name: ranks[min(ranks)] for name, ranks in found.items()}


def _names(key: AssetKey) -> dict[str, int]:
    """Return the names of an asset, the lower the number the surer: its key, then without kind and package, then the last part."""
    kind, _, rest = key.partition(".")
    if key.startswith("file:"):
        return {key: 0, key.removeprefix("file:"): 1}
    if kind == "check":
        return {rest.partition(".")[0]: 2, rest: 1, key: 0}  # what follows is what it looks at
    if kind in ("ingest", "exposure"):
        return {rest.rpartition(".")[2]: 2, rest: 1, key: 0}
    name = rest.partition(".")[2]
    if kind in ("test", "unit_test"):
        return {name.partition(".")[0]: 1, key: 0}  # what follows is a hash
    return {name.rpartition(".")[2]: 2, name: 1, key: 0} if name else {key: 0}
