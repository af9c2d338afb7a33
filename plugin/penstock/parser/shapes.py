"""The shape of a query: what decides which rows there are, and what each column is made of, down to the tables it reads.

Two queries whose shapes have equal codes give the same rows. The reverse is not true: what is written otherwise may have
other codes and still mean the same. Names of CTEs and aliases, their nesting, and the order of filters leave no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlglot import exp

from penstock.assets.names import RelationName

STAR = "*"
"""Stands for the columns of a relation that are not known."""

Schema = Callable[[RelationName], Sequence[str] | None]
"""The columns of a table by the name written in the query, None where nobody knows them."""


class NotFollowed(Exception):
    """Something stands there whose columns cannot be followed."""


class Codes:
    """Numbers for nested values: equal values have one number, so that what is used many times is compared once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], int] = {}

    def __call__(self, *parts: object) -> int:
        """Return the number of a value made of plain values and of other numbers."""
        return self._known.setdefault(parts, len(self._known) + 1)


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its lower-case name, the code of its value, and of the expression alone, whichever rows it is asked of.

    `text` is the expression as written, where it says more than another column's name; `parts` are the columns it is made of;
    `inner` and `type` are set for a cast: what is cast, and to what.
    """

    name: str
    value: int
    plain: int
    text: str = ""
    parts: tuple[Field, ...] = ()
    inner: int = 0
    type: str = ""


class Clause(NamedTuple):
    """A part of a query that decides which rows there are: its kind, its text, and the code of what it says."""

    kind: str
    text: str
    code: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A relation: its columns, and its rows as what is left of `core` by `filters`; `order` is 0 for none."""

    fields: tuple[Field, ...]
    core: int
    filters: tuple[int, ...] = ()
    order: int = 0
    clauses: tuple[Clause, ...] = ()

    def rows(self, codes: Codes) -> int:
        """Return the code of which rows there are."""
        return codes("rows", self.core, *sorted(self.filters))

    def whole(self, codes: Codes) -> int:
        """Return the code of everything: rows, columns and order."""
        return codes("whole", self.rows(codes), self.order, *((one.name, one.value) for one in self.fields))

    def find(self, name: str) -> Field | None:
        """Return the column of that name."""
        return next((one for one in self.fields if one.name == name and name != STAR), None)

    def rest(self) -> Field | None:
        """Return what stands for the columns that are not known."""
        return next((one for one in self.fields if one.name == STAR), None)

    def renamed(self, names: Sequence[str]) -> Shape:
        """Return the relation with other names for its first columns. Raises NotFollowed where it is not known which these are."""
        if not names:
            return self
        if self.rest() is not None or len(names) > len(self.fields):
            raise NotFollowed("names are given to columns that are not known")
        given = [replace(one, name=name.lower()) for one, name in zip(self.fields, names, strict=False)]
        return replace(self, fields=(*given, *self.fields[len(names) :]))

    def at(self, place: int, codes: Codes) -> Shape:
        """Return the relation as one of several that are read side by side: equal ones are told apart by their place."""
        return replace(self, fields=tuple(replace(one, value=codes("at", place, one.value)) for one in self.fields))


@dataclass
class Scope:
    """What names mean where they stand; `tag` is the code of the rows that aggregates and windows look at."""

    ctes: Mapping[str, Shape] = field(default_factory=dict)
    outer: Scope | None = None
    sources: list[tuple[str, Shape]] = field(default_factory=list)
    merged: dict[str, Field] = field(default_factory=dict)
    aliases: Mapping[str, exp.Expr] = field(default_factory=dict)
    resolving: set[str] = field(default_factory=set)
    tag: int = 0

    def around(self) -> Iterator[Scope]:
        """Yield this scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def named(self, qualifier: str) -> Shape | None:
        """Return what is read here under a name."""
        return next((shape for name, shape in self.sources if name == qualifier), None)

    def everything(self, codes: Codes) -> int:
        """Return the code of all that is in sight."""
        return codes("sight", *(shape.whole(codes) for scope in self.around() for _, shape in scope.sources))
