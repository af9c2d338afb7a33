"""Column lineage kept up to date: of all queries of a graph, those are read whose text or whose inputs' columns changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from penstock.assets.fingerprint import digest
from penstock.assets.names import AssetKey, RelationName
from penstock.graph.column_graph import AssetColumnEdge, AssetLineage, Columns, KeyOf, edges_between_assets, lineage_of_text, with_names
from penstock.parser.column_lineage import EVERY_COLUMN, ROWS, VERSION, Flow, QueryLineage
from penstock.parser.lineage_scopes import Schema

_LINE = "\n"


@dataclass(frozen=True, slots=True)
class NodeQuery:
    """A node with a query: `code` changes with the text, `text` gives it (compiled) and raises where nobody can.

    `parents` are the assets it reads according to the graph, for when the text tells nothing.
    """

    key: AssetKey
    code: str
    text: Callable[[], str]
    parents: tuple[AssetKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnsOnRecord:
    """What is kept of a reading: its version, the columns of the query, the assets (or tables) whose columns were asked for."""

    version: str
    columns: tuple[str, ...]
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """The lineage of one asset: what is kept of it, its edges sorted, and why some are `unknown`; a table that is only read has none."""

    key: AssetKey
    on_record: ColumnsOnRecord
    edges: tuple[AssetColumnEdge, ...]
    unknown: tuple[str, ...] = ()
    is_made: bool = True

    @property
    def known(self) -> int:
        """Of how many columns everything is known that flows into them."""
        doubtful = {edge.to_column.lower() for edge in self.edges if edge.flow is Flow.UNKNOWN}
        if EVERY_COLUMN in doubtful or self.on_record.columns == (EVERY_COLUMN,):
            told = {edge.to_column.lower() for edge in self.edges} - doubtful
            return sum(column.lower() in told for column in self.on_record.columns)
        return sum(column.lower() not in doubtful and column != EVERY_COLUMN for column in self.on_record.columns)


def changed_readings(
    queries: Iterable[NodeQuery],
    key_of: KeyOf,
    known: Columns,
    recorded: Mapping[AssetKey, ColumnsOnRecord],
    dialect: str = "duckdb",
    standing: Collection[AssetKey] = (),
) -> Iterator[ColumnReading]:
    """Yield a reading of each query that is not as recorded, inputs before their readers; never raises for one query.

    `known` are the columns of relations as they stand (`*` among them stands for others). What a query tells comes before
    them, but for relations that have more (a hook may add some), and for `standing` assets, whose tables may have others.
    """
    found: dict[AssetKey, Sequence[str]] = dict(known)

    def schema(name: RelationName) -> Sequence[str] | None:
        key = key_of(name)
        return found.get(key) if key is not None else None

    for query in queries:
        before, actual = recorded.get(query.key), known.get(query.key)
        if before is None or before.version != _version(query, before.inputs, found, actual):
            reading = _read(query, key_of, schema, actual, dialect)
            before = replace(reading.on_record, version=_version(query, reading.on_record.inputs, found, actual))
            yield replace(reading, on_record=before)
        if actual is None or not (query.key in standing or _has_all(actual, before.columns)):
            found[query.key] = before.columns


def _has_all(actual: Sequence[str], told: Iterable[str]) -> bool:
    return {column.lower() for column in told if column != EVERY_COLUMN} <= {column.lower() for column in actual}


def _version(query: NodeQuery, inputs: Iterable[str], columns: Columns, actual: Sequence[str] | None) -> str:
    """Return what a reading hangs on: the rules, the text, the names its relation has, and the columns of its inputs."""
    parts = [str(VERSION), query.code, "" if actual is None else _LINE.join(actual)]
    for name in inputs:
        known = columns.get(name)
        parts += (name, "" if known is None else _LINE.join(known))
    return digest("\0".join(parts))


def _read(query: NodeQuery, key_of: KeyOf, schema: Schema, actual: Sequence[str] | None, dialect: str) -> ColumnReading:
    try:
        sql = query.text()
    except Exception as error:  # noqa: BLE001 (one query's failure never hides the others)
        return _opaque(query.key, query.parents, str(error) or type(error).__name__, actual)
    lineage = _told_by_stars(sql, dialect, schema, actual)
    if lineage.columns == (EVERY_COLUMN,) and not lineage.edges and lineage.unknown:
        return _opaque(query.key, query.parents, "; ".join(lineage.unknown), actual)
    lineage = with_names(lineage, actual)
    edges = edges_between_assets(AssetLineage(query.key, query.code, lineage), key_of)
    inputs = sorted({key_of(name) or str(name) for name, _ in lineage.inputs})
    columns = lineage.columns
    if EVERY_COLUMN in columns and actual is not None and EVERY_COLUMN not in actual:
        columns = tuple(actual)
    return ColumnReading(query.key, ColumnsOnRecord("", columns, tuple(inputs)), tuple(edges), lineage.unknown)


def _told_by_stars(sql: str, dialect: str, schema: Schema, actual: Sequence[str] | None) -> QueryLineage:
    """Read a query; where a `*` stands for columns of a table that nobody knows, the relation that was made of it tells them."""
    lineage = lineage_of_text(sql, dialect, schema, {})
    if EVERY_COLUMN not in lineage.columns or actual is None or EVERY_COLUMN in actual:
        return lineage
    listed = {column.lower() for column in lineage.columns}
    guesses = (tuple(actual), tuple(column for column in actual if column.lower() not in listed))
    silent = dict.fromkeys(name.normalised() for name, columns in lineage.inputs if columns is None)
    for table, told in product(silent, guesses):
        again = lineage_of_text(sql, dialect, _told(schema, table, told), {})
        if not again.unknown and [column.lower() for column in again.columns] == [column.lower() for column in actual]:
            return replace(again, inputs=lineage.inputs)
    return lineage


def _told(schema: Schema, table: tuple[str, str, str], columns: Sequence[str]) -> Schema:
    return lambda name: columns if name.normalised() == table else schema(name)


def _opaque(key: AssetKey, parents: Iterable[str], reason: str, actual: Sequence[str] | None) -> ColumnReading:
    """Return a reading of something that cannot be followed: all of its parents may flow into all of it."""
    edges = [AssetColumnEdge(parent, EVERY_COLUMN, key, to, Flow.UNKNOWN) for parent in parents for to in (ROWS, EVERY_COLUMN)]
    return ColumnReading(key, ColumnsOnRecord("", tuple(actual or (EVERY_COLUMN,))), tuple(sorted(edges)), (reason,))


def reading_of_table(key: AssetKey, columns: Sequence[str]) -> ColumnReading:
    """Return a reading of something that no query makes, so that its columns are on record."""
    return ColumnReading(key, ColumnsOnRecord(digest(_LINE.join(columns)), tuple(columns)), (), is_made=False)


def reading_of_all(key: AssetKey, parents: Mapping[AssetKey, Sequence[str] | None], code: str) -> ColumnReading:
    """Return a reading of something that shows all columns of what it refers to, as exposures do."""
    edges = {
        AssetColumnEdge(parent, column, key, column, Flow.UNKNOWN if column == EVERY_COLUMN else Flow.PASSTHROUGH)
        for parent, columns in parents.items()
        for column in columns or (EVERY_COLUMN,)
    }
    columns = tuple(dict.fromkeys(edge.to_column for edge in sorted(edges)))
    doubts = tuple(f"the columns of {parent} are not known" for parent, known in parents.items() if not known or EVERY_COLUMN in known)
    version = digest("\0".join([str(VERSION), code, *(f"{edge.from_asset}\1{edge.from_column}" for edge in sorted(edges))]))
    return ColumnReading(key, ColumnsOnRecord(version, columns, tuple(sorted(parents))), tuple(sorted(edges)), doubts)
