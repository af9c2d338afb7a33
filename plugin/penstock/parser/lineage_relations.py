"""What a query gives: its columns in order, those that nobody can list, and what its rows depend on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.parser.lineage_flows import EVERY_COLUMN, UNCHANGED, UNKNOWN, Flows, Table, gone_through, merge, passed, united

_SECOND = re.compile(r"(?:_\d+)+$")
_UNNAMED = re.compile(r"#\d+")
_PLAIN = re.compile(r"\w+")


class Field:
    """One column; without a name where the warehouse names it after its text."""

    __slots__ = ("flows", "name")

    def __init__(self, name: str, flows: Flows) -> None:
        self.name = name
        self.flows = flows

    def whole(self) -> Flows:
        """Return what flows into it."""
        return self.flows


@dataclass(frozen=True, slots=True)
class Rest:
    """Columns whose names are not known: any name may be one of them, unless it is `excluded` (lower case)."""

    table: Table | None = None
    fixed: Flows = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    ways: int = UNCHANGED

    def flows(self, name: str) -> Flows:
        """Return what flows into the one that has this name."""
        if self.table is None:
            return self.fixed
        found = {self.table.origin(name): self.ways}
        merge(found, self.fixed, UNCHANGED)
        return found

    def whole(self) -> Flows:
        """Return what flows into all of them."""
        if self.table is None:
            return self.fixed
        found = {self.table.origin(EVERY_COLUMN): UNKNOWN}
        merge(found, self.fixed, UNCHANGED)
        return found

    def without(self, names: frozenset[str]) -> Rest:
        """Return it without some names."""
        return Rest(self.table, self.fixed, self.excluded | names, self.ways) if names else self

    def through(self, way: int, also: Flows) -> Rest:
        """Return it on the far side of something that adds flows of its own."""
        if way == UNCHANGED and not also:
            return self
        fixed = gone_through(self.fixed, way)
        merge(fixed, also, UNCHANGED)
        return Rest(self.table, fixed, self.excluded, passed(self.ways, way))


Fields = Sequence[Field | Rest]


class Relation:
    """What can be read from.

    `rows` flows into every column of it, `order` into what depends on the order of its rows; `hidden` are columns that `*`
    leaves out.
    """

    __slots__ = ("_index", "fields", "hidden", "order", "rows")

    def __init__(
        self, fields: Fields, rows: Flows | None = None, order: Flows | None = None, hidden: Mapping[str, Flows] | None = None
    ) -> None:
        self.fields = fields
        self.rows: Flows = rows or {}
        self.order: Flows = order or {}
        self.hidden: Mapping[str, Flows] = hidden or {}
        self._index: dict[str, tuple[Field, tuple[Rest, ...]]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether some of its columns are not known."""
        return any(isinstance(one, Rest) for one in self.fields)

    def find(self, name: str) -> tuple[Flows, bool] | None:
        """Return what flows into the column of a name (lower case), and whether it surely has that column."""
        index = self._index
        if index is None:
            index = self._index = _index_of(self.fields)
        entry = index.get(name)
        if entry is not None:
            return _doubted(entry[0].flows, list(_possible(entry[1], name))), True
        rests = [one for one in self.fields if isinstance(one, Rest)]
        if rests:
            found = self._among(rests, name)
            return (found, False) if found is not None else None
        unnamed = [one.flows for one in self.fields if isinstance(one, Field) and not one.name]
        if unnamed and not _PLAIN.fullmatch(name):
            return united(unnamed, UNCHANGED if len(unnamed) == 1 else UNKNOWN), True
        hidden = self.hidden.get(name)
        return (hidden, True) if hidden is not None else None

    def columns(self) -> dict[str, Flows]:
        """Return what flows into each column by its name, `*` for those that are not known.

        Behind those a column may have another name than its own, as may they.
        """
        found: dict[str, Flows] = {}
        rests: list[Rest] = []
        for name, one in zip(column_names(self.fields), self.fields, strict=True):
            others = list(_possible(rests, name.lower()))
            if isinstance(one, Rest):
                rests.append(one)
            elif others:
                merge(found[EVERY_COLUMN], one.flows, UNKNOWN)
            flows = found.setdefault(name, {})
            merge(flows, _doubted(one.whole(), others), UNCHANGED)
        return found

    def _among(self, rests: list[Rest], name: str) -> Flows | None:
        """Return what flows into a column that is not listed."""
        found = list(_possible(rests, name)) if len(self.fields) > 1 else [rest.flows(name) for rest in rests if name not in rest.excluded]
        first = _SECOND.sub("", name)
        if first != name:
            found += [one.flows for one in self.fields if isinstance(one, Field) and one.name.lower() == first]
        if not _PLAIN.fullmatch(name):
            found += [one.flows for one in self.fields if isinstance(one, Field) and not one.name]
        if not found:
            return None
        return found[0] if len(found) == 1 else united(found, UNKNOWN)

    def whole(self) -> Flows:
        """Return what flows into all of its columns together."""
        return united(one.whole() for one in self.fields)

    def everything(self) -> Flows:
        """Return all that counts for it: columns, rows and order."""
        return united((self.whole(), self.rows, self.order))


def _possible(rests: Sequence[Rest], name: str) -> Iterator[Flows]:
    """Yield what flows into columns not known that may have a name: of two columns `a`, the second one is called `a_1`."""
    for one in dict.fromkeys((name, _SECOND.sub("", name))):
        yield from (rest.flows(one) for rest in rests if one not in rest.excluded)


def _doubted(flows: Flows, others: list[Flows]) -> Flows:
    """Return what flows into a name that columns which are not known may have taken before."""
    return united([flows, *others], UNKNOWN) if others else flows


def _index_of(fields: Fields) -> dict[str, tuple[Field, tuple[Rest, ...]]]:
    index: dict[str, tuple[Field, tuple[Rest, ...]]] = {}
    before: tuple[Rest, ...] = ()
    for name, one in zip(column_names(fields), fields, strict=True):
        if isinstance(one, Rest):
            before = (*before, one)
        elif one.name:
            index.setdefault(name.lower(), (one, before))
    return index


def column_names(fields: Fields) -> list[str]:
    """Return the names a table of these columns would have: `*` for those not known, `#2` for a second one without a name.

    Of two alike the later one gets a number. Source: DuckDB's `QueryResult::DeduplicateColumns`.
    """
    seen: dict[str, int] = {}
    names = []
    for number, one in enumerate(fields, 1):
        if isinstance(one, Rest) or not one.name:
            names.append(EVERY_COLUMN if isinstance(one, Rest) else f"#{number}")
            continue
        name, folded = one.name, one.name.lower()
        while name.lower() in seen:
            name = f"{one.name}_{seen[folded]}"
            if name.lower() in seen:
                seen[folded] += 1
        seen[name.lower()] = 1
        names.append(name)
    return names


def of_table(table: Table) -> Relation:
    """Return the relation of a table of the warehouse."""
    named = [column for column in table.columns if column != EVERY_COLUMN]
    fields: list[Field | Rest] = []
    for column in table.columns:
        if column == EVERY_COLUMN:
            fields.append(Rest(table, excluded=frozenset(name.lower() for name in named)))
        else:
            fields.append(Field("" if _UNNAMED.fullmatch(column) else column, {table.origin(column): UNCHANGED}))
    return Relation(fields, hidden={"rowid": {table.origin("rowid"): UNCHANGED}})


def renamed(relation: Relation, names: Sequence[str]) -> Relation:
    """Return a relation whose first columns are named anew, as an alias with a list does; only then do equal names get numbers."""
    if not names:
        return relation
    fields: list[Field | Rest] = []
    for number, one in enumerate(relation.fields):
        if isinstance(one, Rest) and number < len(names):
            return Relation([*fields, *_guessed(relation, names[number:])], relation.rows, relation.order)
        fields.append(Field(names[number], one.flows) if isinstance(one, Field) and number < len(names) else one)
    return Relation(fields, relation.rows, relation.order, relation.hidden)


def _numbered(fields: Fields) -> Iterator[Field | Rest]:
    """Yield the columns by the names they have at last."""
    for name, one in zip(column_names(fields), fields, strict=True):
        yield one if isinstance(one, Rest) or not one.name or one.name == name else Field(name, one.flows)


def _guessed(relation: Relation, names: Sequence[str]) -> Iterator[Field | Rest]:
    """Yield columns that get names before anyone knows what they were: each may be any."""
    whole = gone_through(relation.whole(), UNKNOWN)
    for name in names:
        yield Field(name, whole)
    yield Rest(fixed=whole)


def listed(relation: Relation) -> list[Field | Rest]:
    """Return the columns of a relation, each by the name it can be asked for."""
    return list(_numbered(relation.fields))
