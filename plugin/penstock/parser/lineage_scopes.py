"""What a name means where it stands: the sources of a SELECT, of those around it, and the aliases given so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.parser.lineage_flows import DERIVED, EVERY_COLUMN, UNCHANGED, UNKNOWN, Flows, Table, gone_through, merge, united
from penstock.parser.lineage_relations import Field, Relation, Rest, listed, of_table

Schema = Callable[[RelationName], Sequence[str] | None]
"""The columns of a table in order; `*` among them stands for others that are not known, None for nothing known at all."""

Ctes = Mapping[str, Relation]


class Opaque(Exception):
    """A query holds something whose columns cannot be followed; the message says what."""


def check_parts(node: exp.Expr, known: frozenset[str], what: str) -> None:
    """Raise Opaque for a part of a node that nobody looks at: it could change what the rest means."""
    odd = next((key for key, value in node.args.items() if value and key not in known), None)
    if odd is not None:
        raise Opaque(f"{what} with {odd.rstrip('_')} is not understood")


class Reading:
    """What is shared while one statement is read: the tables it names, what is inlined in it, why something is not known."""

    def __init__(self, schema: Schema, inlined: Mapping[str, RelationName], query: Query, value: Value) -> None:
        """Take the two ways down into a tree as well: queries hold expressions, which hold queries."""
        self.schema = schema
        self.inlined = inlined
        self._query = query
        self._value = value
        self.tables: dict[tuple[str, str, str], Relation] = {}
        self.inputs: dict[RelationName, tuple[str, ...] | None] = {}
        self.reasons: dict[str, None] = {}

    def query(self, node: exp.Expr, around: Scope) -> Relation:
        """Return what a query gives that stands within a scope."""
        return self._query(self, node, around)

    def value(self, scope: Scope, node: exp.Expr, way: int = UNCHANGED) -> Flows:
        """Return what flows into an expression of a scope."""
        return self._value(self, scope, node, way)

    def table(self, name: RelationName) -> Relation:
        """Return a table's relation, one and the same for all spellings of its name."""
        key = name.normalised()
        if key not in self.tables:
            columns = self.schema(name)
            self.inputs[name] = None if columns is None else tuple(columns)
            self.tables[key] = of_table(Table(name, (EVERY_COLUMN,) if columns is None else columns))
        return self.tables[key]


Query = Callable[[Reading, exp.Expr, "Scope"], Relation]
Value = Callable[[Reading, "Scope", exp.Expr, int], Flows]


class Source:
    """Something in FROM: its names (lower case; schema and database empty if not given) and its relation.

    Of the columns that USING makes one of, the first source shows what it has `shared`, the others have theirs `dropped`.
    """

    __slots__ = ("database", "dropped", "name", "relation", "schema", "shared")

    def __init__(self, name: str, relation: Relation, schema: str = "", database: str = "") -> None:
        self.name = name
        self.schema = schema
        self.database = database
        self.relation = relation
        self.dropped: set[str] = set()
        self.shared: dict[str, Flows] = {}


class Scope:
    """What is in sight within one SELECT."""

    def __init__(self, ctes: Ctes, outer: Scope | None = None) -> None:
        self.ctes = ctes
        self.outer = outer
        self.sources: list[Source] = []
        self.merged: dict[str, Flows] = {}
        self.aliases: dict[str, Flows] = {}
        self.windows: dict[str, exp.Window] = {}
        self.rows: Flows = {}
        self.order: Flows = {}

    def around(self) -> Iterator[Scope]:
        """Yield this scope and those around it, from the inside out."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def everything(self) -> Flows:
        """Return all columns in sight."""
        return united(source.relation.whole() for scope in self.around() for source in scope.sources)


def resolve(scope: Scope, parts: Sequence[str]) -> Flows | None:
    """Return what flows into a name of one or more parts, lower case; None for one that nothing in sight has.

    Where tables hide their columns, the nearest that may have it counts, and those further out as well. So they do for
    the field of a column, which may have no fields.
    """
    doubtful: list[Flows] = []
    for one in scope.around():
        found = _unqualified(one, parts[0]) if len(parts) == 1 else _qualified(one, parts)
        if found is None:
            continue
        doubtful.append(found[0])
        if found[1]:
            break
    return united(doubtful, UNKNOWN) if len(doubtful) > 1 else doubtful[0] if doubtful else None


def _unqualified(scope: Scope, name: str) -> tuple[Flows, bool] | None:
    """Look a name up as a column or an alias, else as a source, whose whole row it means then."""
    column = _column(scope, name)
    if column is not None and column[1]:
        return column
    source = next((source for source in scope.sources if source.name == name), None)
    if source is None:
        return column
    row = gone_through(source.relation.whole(), DERIVED)
    return (row if column is None else united((column[0], row), UNKNOWN)), True


def _column(scope: Scope, name: str) -> tuple[Flows, bool] | None:
    merged = scope.merged.get(name)
    if merged is not None:
        return merged, True
    doubtful: list[Flows] = []
    certain: list[Flows] = []
    for source in scope.sources:
        found = source.relation.find(name)
        if found is not None:
            (certain if found[1] else doubtful).append(found[0])
    if certain:
        return (certain[0] if len(certain) == 1 else united(certain)), True
    alias = scope.aliases.get(name)
    if alias is not None:
        return (united((*doubtful, alias), UNKNOWN) if doubtful else alias), True
    if doubtful:
        return (doubtful[0] if len(doubtful) == 1 else united(doubtful, UNKNOWN)), False
    return None


def _qualified(scope: Scope, parts: Sequence[str]) -> tuple[Flows, bool] | None:
    """Look a name up as a source's column, else as a field of a column."""
    doubtful: Flows | None = None
    for length in range(min(len(parts) - 1, 3), 0, -1):
        for source in _called(scope, parts[:length]):
            found = source.relation.find(parts[length])
            if found is None:
                continue
            flows = found[0] if length == len(parts) - 1 else gone_through(found[0], DERIVED)
            if found[1]:
                return flows, True
            doubtful = flows
    column = _column(scope, parts[0])
    if doubtful is None:
        return None if column is None else (gone_through(column[0], DERIVED), False)
    if column is not None and column[1]:
        return united((doubtful, column[0]), UNKNOWN), False
    return doubtful, False


def _called(scope: Scope, names: Sequence[str]) -> Iterator[Source]:
    """Yield the sources that a qualifier of one to three names means."""
    *before, name = names
    for source in scope.sources:
        if source.name == name and all(
            given in {"", own} for given, own in zip((source.schema, source.database), reversed(before), strict=False)
        ):
            yield source


def source_called(scope: Scope, names: Sequence[str]) -> Source | None:
    """Return the nearest source that a qualifier means."""
    return next((source for one in scope.around() for source in _called(one, names)), None)


def columns_in_sight(scope: Scope) -> Iterator[tuple[Source, Field | Rest]]:
    """Yield what `*` means: every column of FROM in order, those of USING once, with the value that they have then."""
    for source in scope.sources:
        left = set(source.shared)
        for one in listed(source.relation):
            if isinstance(one, Rest):
                yield source, one.without(frozenset(source.shared) | source.dropped)
                for name in sorted(left):
                    yield source, Field(name, source.shared[name])
                left.clear()
            elif one.name.lower() in left:
                left.discard(one.name.lower())
                yield source, Field(one.name, source.shared[one.name.lower()])
            elif one.name.lower() not in source.dropped:
                yield source, one


def add_rows(scope: Scope, flows: Flows, way: int = UNCHANGED) -> None:
    """Note what the rows of a SELECT depend on."""
    merge(scope.rows, flows, way)
