"""From two versions of a project to what differs: which assets, edges and columns, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlglot import exp

from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.assets.contract import NO_CONTRACT
from penstock.assets.definition import Comparison, Definitions
from penstock.assets.names import AssetKey, RelationName
from penstock.errors import ContractError
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.changed_query import ChangedQuery, changed_query, columns_of
from penstock.parser.query import parse_one, read_query
from penstock.parser.shapes import Schema
from penstock.plan.change_rules import Pair, added, column_changes, expressions, findings, removed, touched, verdict
from penstock.plan.difference import AssetChange, Category
from penstock.plan.reach import NOTHING, Touched

_DIALECT = "duckdb"


@dataclass(frozen=True)
class Side:
    """One version of the project: its graph, what dbt compares of it, and the compiled queries that are known.

    `columns` are those of relations whose queries do not tell, in the warehouse's spelling; `failed` says why a query is not there.
    The base's queries name the head's relations.
    """

    graph: AssetGraph
    definitions: Definitions = field(default_factory=Definitions)
    queries: Mapping[AssetKey, str] = field(default_factory=dict)
    columns: Mapping[AssetKey, Sequence[str]] = field(default_factory=dict)
    failed: Mapping[AssetKey, str] = field(default_factory=dict)


def suspects(base: AssetGraph, head: AssetGraph) -> list[AssetKey]:
    """Return the keys, in the head's order, of assets that both have and whose code may differ: their queries are needed."""
    return [asset.key for asset in head.assets if asset.key in base and asset.fingerprint != base[asset.key].fingerprint]


class Outcome(NamedTuple):
    """A change, which of the asset's columns it gives other values (None: all), and whether its relation is built again."""

    change: AssetChange
    touched: Touched
    rebuilt: bool


@dataclass(frozen=True)
class Compared:
    """What came of a comparison: outcomes, worst first, and the columns of what was read, of base and head."""

    outcomes: Sequence[Outcome]
    columns: tuple[Mapping[AssetKey, Sequence[str]], Mapping[AssetKey, Sequence[str]]]

    def columns_of_both(self) -> dict[AssetKey, Sequence[str]]:
        """Return the head's columns, and after them those that only the base has."""
        before, after = self.columns
        both = {key: (*columns, *(one for one in before.get(key, ()) if one not in columns)) for key, columns in after.items()}
        return {**before, **both}


def compare(base: Side, head: Side, *, moved: Mapping[RelationName, RelationName], moved_place: bool, now: datetime) -> Compared:
    """Compare two versions of a project; `moved` maps the base's relations to the head's, `now` tells past dates of contracts."""
    comparison = Comparison(head.definitions, base.definitions, now)
    reader = _Reader(base, head, moved)
    found = []
    for asset in head.graph.assets:
        if asset.key not in base.graph:
            reader.look(asset.key)
            found.append(Outcome(_new(asset), NOTHING, rebuilt=True))
        else:
            outcome = reader.outcome(asset, comparison, moved_place=moved_place)
            if outcome is not None:
                found.append(outcome)
    found += [Outcome(_gone(asset, base, head, now), NOTHING, rebuilt=False) for asset in base.graph.assets if asset.key not in head.graph]
    return Compared(sorted(found, key=lambda outcome: outcome.change.category.rank), reader.columns())


def changed_edges(one: AssetGraph, other: AssetGraph) -> tuple[tuple[AssetKey, AssetKey], ...]:
    """Return the edges along which rows flow that only the first graph has."""
    known = {(parent, child) for parent, child, _ in other.edges()}
    return tuple((parent, child) for parent, child, kind in one.edges() if kind is EdgeKind.DATA and (parent, child) not in known)


class _Reader:
    """Reads queries of both sides in the graph's order, so that the columns of what a query reads are known before it."""

    def __init__(self, base: Side, head: Side, moved: Mapping[RelationName, RelationName]) -> None:
        self._base, self._head = base, head
        self._alike: set[AssetKey] = set()
        self._known = _relations(base.graph, moved), _relations(head.graph, {})
        self._columns: tuple[dict[AssetKey, Sequence[str] | None], ...] = tuple(_unread(side) for side in (base, head))

    def columns(self) -> tuple[dict[AssetKey, Sequence[str]], dict[AssetKey, Sequence[str]]]:
        """Return the columns that are known of each side."""
        before, after = ({key: columns for key, columns in side.items() if columns is not None} for side in self._columns)
        return before, after

    def look(self, key: AssetKey) -> list[exp.Expr | None]:
        """Read both queries of an asset, the same text once, and take in which columns they have."""
        texts = [side.queries.get(key) for side in (self._base, self._head)]
        trees = [_tree(texts[0])]
        trees.append(trees[0] if texts[0] == texts[1] else _tree(texts[1]))
        alike = trees[0] is not None and trees[0] is trees[1] and self._same_inputs(trees[0])
        if alike:
            self._alike.add(key)
        for number, tree in enumerate(trees):
            if tree is not None:
                self._columns[number][key] = self._columns[0][key] if alike and number else _columns_of(tree, self._schema(number))
        return trees

    def _same_inputs(self, tree: exp.Expr) -> bool:
        """Whether all tables that a query names have the same columns on both sides."""
        names = {RelationName(table.catalog, table.db, table.name) for table in tree.find_all(exp.Table)}
        return all(self._schema(0)(name) == self._schema(1)(name) for name in names)

    def outcome(self, asset: Asset, comparison: Comparison, *, moved_place: bool) -> Outcome | None:
        """Return what changed of an asset that both sides have, None where nothing did."""
        key, before = asset.key, self._base.graph[asset.key]
        trees = self.look(key)
        otherwise = _defined_otherwise(comparison, key)
        query, unread = self._compared(asset, trees, code_differs=not moved_place or otherwise)
        pair = Pair(
            before, asset, query, unread if _has_query(asset) else "", moved_place, otherwise, _contract_breaks(comparison, key),
            _contract_differs(comparison, key),
        )  # fmt: skip
        found = findings(pair)
        if not found and not pair.code_differs:
            return None
        category, reason = verdict(found)
        change = AssetChange(
            key, asset.name, asset.kind.value, _path(asset), "modified", category, reason, column_changes(query), expressions(query),
            pair.contract_breaks, asset.ingest.first_line if asset.ingest is not None else 1,
        )  # fmt: skip
        return Outcome(change, touched(pair, found), rebuilt=(pair.code_differs or query is not None) and category is not Category.COSMETIC)

    def _compared(self, asset: Asset, trees: Sequence[exp.Expr | None], *, code_differs: bool) -> tuple[ChangedQuery | None, str]:
        """Compare both queries; the same text still changes where what it reads has other columns."""
        key = asset.key
        before, after = (side.queries.get(key) for side in (self._base, self._head))
        if before is None or after is None:
            same = self._base.graph[key].fingerprint == asset.fingerprint or not code_differs
            return None, "" if same else self._why(key)
        if key in self._alike:
            return None, ""
        if before == after or self._canonical(before, 0) == self._canonical(after, 1):
            return self._through_inputs(trees), ""
        if trees[0] is None or trees[1] is None:
            return None, "its query cannot be read"
        try:
            return changed_query(trees[0], trees[1], self._schema(0), self._schema(1)), ""
        except RecursionError:
            return None, "its query is nested too deeply to be read"

    def _through_inputs(self, trees: Sequence[exp.Expr | None]) -> ChangedQuery | None:
        if trees[0] is None or trees[1] is None or trees[1].find(exp.Star) is None:
            return None
        found = changed_query(trees[0], trees[1], self._schema(0), self._schema(1))
        return found if found.columns or found.other_rows else None

    def _why(self, key: AssetKey) -> str:
        failed = self._head.failed.get(key) or self._base.failed.get(key) or ""
        return f"its query could not be compiled{f': {failed}' if failed else ''}"

    def _canonical(self, sql: str, side: int) -> str:
        facts = read_query(sql, _DIALECT)
        spelled: list[str] | None = []
        for table in facts.tables:
            columns = self._schema(side)(table)
            spelled = None if columns is None or spelled is None else [*spelled, *columns]
        return facts.canonical_among(spelled)

    def _schema(self, side: int) -> Schema:
        return _Known(self._known[side], self._columns[side])


@dataclass(frozen=True)
class _Known:
    """The columns of what a query reads, by the name it writes."""

    keys: Mapping[tuple[str, str, str], AssetKey]
    columns: Mapping[AssetKey, Sequence[str] | None]

    def __call__(self, name: RelationName) -> Sequence[str] | None:
        key = self.keys.get(name.normalised())
        return self.columns.get(key) if key is not None else None


def _relations(graph: AssetGraph, moved: Mapping[RelationName, RelationName]) -> dict[tuple[str, str, str], AssetKey]:
    return {moved.get(asset.relation, asset.relation).normalised(): asset.key for asset in graph.assets if asset.relation is not None}


def _unread(side: Side) -> dict[AssetKey, Sequence[str] | None]:
    """Return the columns of relations whose queries are not there to tell them."""
    return {key: columns for key, columns in side.columns.items() if key not in side.queries}


def _columns_of(tree: exp.Expr, schema: Schema) -> Sequence[str] | None:
    try:
        return columns_of(tree, schema)
    except RecursionError:
        return None


def _tree(sql: str | None) -> exp.Expr | None:
    try:
        return None if sql is None else parse_one(sql, _DIALECT)
    except ValueError:
        return None


def _has_query(asset: Asset) -> bool:
    return (asset.kind in (Kind.MODEL, Kind.SNAPSHOT) and asset.language == "sql") or asset.ingest is not None


def _defined_otherwise(comparison: Comparison, key: AssetKey) -> bool:
    """Whether dbt calls it modified; what it does not know is not."""
    if key not in comparison.current.nodes or comparison.is_new(key):
        return False
    try:
        return comparison.contents(key)
    except ContractError:
        return True


def _contract_breaks(comparison: Comparison, key: AssetKey) -> tuple[str, ...]:
    definition = comparison.current.nodes.get(key)
    try:
        if definition is not None and definition.contract is not None and not comparison.is_new(key):
            comparison.contract(key)
    except ContractError as error:
        return (error.message,)
    return (comparison.breaking[key],) if key in comparison.breaking else ()


def _contract_differs(comparison: Comparison, key: AssetKey) -> bool:
    if key not in comparison.current.nodes or comparison.is_new(key):
        return False
    try:
        return comparison.contract(key)
    except ContractError:
        return True


def _new(asset: Asset) -> AssetChange:
    category, reason = added(asset)
    return AssetChange(asset.key, asset.name, asset.kind.value, _path(asset), "added", category, reason)


def _gone(asset: Asset, base: Side, head: Side, now: datetime) -> AssetChange:
    category, reason = removed(asset)
    contract = (base.definitions.nodes[asset.key].contract if asset.key in base.definitions.nodes else None) or NO_CONTRACT
    try:
        broken = contract.removed(asset.key, now, disabled=asset.key in head.definitions.disabled)
    except ContractError as error:
        broken = error.message
    return AssetChange(
        asset.key, asset.name, asset.kind.value, _path(asset), "removed", category, reason, contract_breaks=(broken,) if broken else ()
    )


def _path(asset: Asset) -> str:
    return asset.ingest.path if asset.ingest is not None else asset.path


def with_ancestors(graph: AssetGraph, start: Sequence[AssetKey]) -> Iterator[AssetKey]:
    """Yield what lies above the given assets, and they themselves, in the graph's order."""
    ids = {graph.ids[key] for key in start if key in graph}
    return (graph.assets[number].key for number in sorted(ids | graph.ancestors(ids)))
