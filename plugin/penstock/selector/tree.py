"""A selection as a tree; every node prints back as the text it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_FILE_ENDINGS = (".sql", ".py", ".csv")
_READS_AS_MORE = re.compile(r":|\A(@|\d*\+)")
"""A value that would be taken for a method or an operator if nothing stood before it."""


class Indirect(StrEnum):
    """Which tests of the selected assets come along: any, those with all parents selected, those it can run, or none."""

    EAGER = "eager"
    CAUTIOUS = "cautious"
    BUILDABLE = "buildable"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Criterion:
    """`[@|[N]+]method[.argument...]:value[+[N]]`; a depth of None has no limit.

    `indirect`, its own mode, and `literal`, a value that is no text, come from selectors.yml alone; None stands for the
    command's mode, and for the text. `column` is where its text begins (1-based, 0 where it has no text); it takes no part
    in comparisons.
    """

    method: str
    value: str
    arguments: tuple[str, ...] = ()
    childrens_parents: bool = False
    parents: bool = False
    parents_depth: int | None = None
    children: bool = False
    children_depth: int | None = None
    indirect: Indirect | None = None
    literal: Any = None
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        before = "@" if self.childrens_parents else ""
        if self.parents:
            before += f"{_depth(self.parents_depth)}+"
        after = f"+{_depth(self.children_depth)}" if self.children else ""
        method = "" if self._has_default_method(after) else ".".join((self.method, *self.arguments)) + ":"
        return f"{before}{method}{self.value}{after}"

    def _has_default_method(self, after: str) -> bool:
        if self.arguments or not self.value or _READS_AS_MORE.search(self.value + after):
            return False
        return self.method == default_method(self.value)


@dataclass(frozen=True, slots=True)
class Intersection:
    """What every part selects; no part selects nothing.

    `joins`: tests whose parents the parts select together come along; not so in selectors.yml.
    """

    parts: tuple[Tree, ...]
    joins: bool = True

    def __str__(self) -> str:
        return ",".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Union:
    """What any part selects; no part selects nothing. `joins` as in an intersection."""

    parts: tuple[Tree, ...]
    joins: bool = True

    def __str__(self) -> str:
        return " ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Difference:
    """What `included` selects and `excluded` does not."""

    included: Tree
    excluded: Tree

    def __str__(self) -> str:
        parts = (("--select", str(self.included)), ("--exclude", str(self.excluded)))
        return " ".join(f"{flag} {text}" for flag, text in parts if text)


@dataclass(frozen=True, slots=True)
class Everything:
    """Every asset: what a selection without `--select` means."""

    def __str__(self) -> str:
        return ""


Tree = Criterion | Intersection | Union | Difference | Everything


def default_method(value: str) -> str:
    """Return the method of a value that names none; source: dbt's `SelectionCriteria.default_method`."""
    if "/" in value:
        return "path"
    return "file" if value.lower().endswith(_FILE_ENDINGS) else "fqn"


def _depth(depth: int | None) -> str:
    return "" if depth is None else str(depth)
