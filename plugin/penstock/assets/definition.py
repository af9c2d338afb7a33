"""What dbt compares of a node between two manifests, each part as one hash: how `state:` tells what was modified.

Source of every rule: `same_contents` and its parts in dbt's `contracts/graph/nodes.py`, and `StateSelectorMethod`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from penstock.assets.contract import NO_CONTRACT, Contract
from penstock.assets.names import AssetKey

UNCOMPARABLE = ""
"""A hash that equals nothing, not even itself: that of a seed without a checksum."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One node; a part that its kind does not have is None, and never counts as modified on its own.

    `contents` covers all that dbt calls a modification but descriptions, contract and macros. `described` holds the hashes
    of the description and of the columns' descriptions, `persists` whether each of them goes to the warehouse.
    `quiet_when_new`: dbt does not call a new one modified. `macros` are those it calls itself.
    """

    key: AssetKey
    kind: str
    body: str | None = None
    configs: str | None = None
    relation: str | None = None
    described: tuple[str, str] | None = None
    persists: tuple[bool, bool] = (False, False)
    contract: Contract | None = None
    contents: str = UNCOMPARABLE
    quiet_when_new: bool = False
    macros: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro's text as a hash, and the macros it calls."""

    body: str
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definitions:
    """Everything dbt compares of one manifest; `disabled` are models that were switched off with a contract."""

    nodes: Mapping[AssetKey, Definition] = field(default_factory=dict)
    macros: Mapping[str, Macro] = field(default_factory=dict)
    disabled: Mapping[AssetKey, Definition] = field(default_factory=dict)


class Comparison:
    """What differs between two sets of definitions, part by part.

    `breaking` collects the contracts that were broken without a new version, as dbt warns of them; a broken contract of
    a versioned model is an error. Methods raise ContractError for it.
    """

    def __init__(self, current: Definitions, previous: Definitions, now: datetime) -> None:
        self.current = current
        self._previous = previous
        self._now = now
        self.breaking: dict[AssetKey, str] = {}

    def is_new(self, key: AssetKey) -> bool:
        """Whether the previous manifest did not have this node."""
        return key not in self._previous.nodes

    def contents(self, key: AssetKey) -> bool:
        """Whether anything at all that dbt compares differs: `state:modified`."""
        new, old = self._pair(key)
        if old is None:
            changed = not new.quiet_when_new
        else:
            changed = self.contract(key) or not _same(new.contents, old.contents) or self.persisted_descriptions(key)
        return changed or self.by_macros(key)

    def part(self, key: AssetKey, name: str) -> bool:
        """Whether `body`, `configs` or `relation` differs; a new node differs in every part it has."""
        new, old = self._pair(key)
        value = getattr(new, name)
        return value is not None and (old is None or not _same(value, getattr(old, name)))

    def persisted_descriptions(self, key: AssetKey) -> bool:
        """Whether a description differs that goes to the warehouse."""
        new, old = self._pair(key)
        if new.described is None or old is None or old.described is None:
            return new.described is not None
        return any(kept and mine != other for kept, mine, other in zip(new.persists, new.described, old.described, strict=True))

    def contract(self, key: AssetKey) -> bool:
        """Whether an enforced contract differs, or is new."""
        new, old = self._pair(key)
        if new.contract is None:
            return False
        if old is None:
            return True
        broken = new.contract.breaks(key, old.contract or NO_CONTRACT)
        if broken:
            self.breaking[key] = broken
        return not new.contract.same(old.contract or NO_CONTRACT)

    def by_macros(self, key: AssetKey) -> bool:
        """Whether a macro that the node calls, itself or through others, is new or has another text."""
        return not self._affected.isdisjoint(self.current.nodes[key].macros)

    def removed(self) -> None:
        """Look at the nodes that are gone: one with an enforced contract is a broken contract."""
        for key, old in self._previous.nodes.items():
            gone = self.current.disabled.get(key) or (old if key not in self.current.nodes else None)
            if gone is not None and gone.contract is not None:
                broken = gone.contract.removed(key, self._now, disabled=key in self.current.disabled)
                if broken:
                    self.breaking[key] = broken

    def _pair(self, key: AssetKey) -> tuple[Definition, Definition | None]:
        return self.current.nodes[key], self._previous.nodes.get(key)

    @cached_property
    def _affected(self) -> set[str]:
        """The current macros that are modified or reach one that is."""
        affected = set(self._modified_macros())
        callers: dict[str, list[str]] = {}
        for uid, macro in self.current.macros.items():
            for called in macro.calls:
                callers.setdefault(called, []).append(uid)
        stack = list(affected)
        while stack:
            for caller in callers.get(stack.pop(), ()):
                if caller not in affected:
                    affected.add(caller)
                    stack.append(caller)
        return affected

    def _modified_macros(self) -> Iterator[str]:
        known = self._previous.macros
        yield from (uid for uid, macro in self.current.macros.items() if uid not in known or macro.body != known[uid].body)
        yield from (uid for uid in known if uid not in self.current.macros)


def _same(mine: str | None, other: str | None) -> bool:
    return mine == other and mine != UNCOMPARABLE
