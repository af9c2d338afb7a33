"""Column lineage of a whole graph: queries are read in order, each knowing the columns of those before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from penstock.assets.names import AssetKey, RelationName
from penstock.parser.column_lineage import EVERY_COLUMN, Flow, QueryLineage, column_lineage, unreadable
from penstock.parser.query import parse_one

KeyOf = Callable[[RelationName], AssetKey | None]
"""The asset that a relation is, however its name is written; None for one that is no asset."""

Columns = Mapping[AssetKey, Sequence[str]]


@dataclass(frozen=True, slots=True)
class AssetQuery:
    """The compiled SQL of an asset; two with the same `code_version` have the same text."""

    key: AssetKey
    sql: str
    code_version: str


@dataclass(frozen=True, slots=True)
class AssetLineage:
    """The lineage of an asset's query of some version."""

    key: AssetKey
    code_version: str
    lineage: QueryLineage


@dataclass(frozen=True, slots=True, order=True)
class AssetColumnEdge:
    """A column that flows into another asset's column, or into its rows (`to_column` empty).

    What is no asset goes by its relation's name. Whoever reads an asset also depends on what its rows depend on.
    """

    from_asset: str
    from_column: str
    to_asset: AssetKey
    to_column: str
    flow: Flow


def lineage_of_graph(
    queries: Iterable[AssetQuery],
    key_of: KeyOf,
    known: Columns,
    cached: Mapping[AssetKey, AssetLineage] | None = None,
    inlined: Mapping[str, RelationName] | None = None,
    dialect: str = "duckdb",
) -> Iterator[AssetLineage]:
    """Yield the lineage of each query in turn, an input's before that of what reads it; never raises.

    `known` are columns from elsewhere: those of sources, and those of assets whose queries do not tell them; `*` among
    them stands for others. What is `cached` is taken if neither its code nor the columns of its inputs have changed.
    `inlined` are the names, lower case, under which ephemeral models stand in queries.
    """
    found: dict[AssetKey, Sequence[str]] = dict(known)

    def schema(name: RelationName) -> Sequence[str] | None:
        key = key_of(name)
        return found.get(key) if key is not None else None

    for query in queries:
        before = (cached or {}).get(query.key)
        if before is None or before.code_version != query.code_version or not _same_inputs(before.lineage, schema):
            before = AssetLineage(query.key, query.code_version, lineage_of_text(query.sql, dialect, schema, inlined or {}))
        before = dataclasses.replace(before, lineage=with_names(before.lineage, known.get(query.key)))
        if query.key not in known or EVERY_COLUMN not in before.lineage.columns:
            found[query.key] = before.lineage.columns
        yield before


def _same_inputs(lineage: QueryLineage, schema: Callable[[RelationName], Sequence[str] | None]) -> bool:
    """Whether every table has the columns it had then; of a text that could not be read nothing else counts."""
    return all((None if columns is None else tuple(columns)) == then for name, then in lineage.inputs for columns in [schema(name)])


def lineage_of_text(
    sql: str, dialect: str, schema: Callable[[RelationName], Sequence[str] | None], inlined: Mapping[str, RelationName]
) -> QueryLineage:
    """Return the lineage of a compiled query; never raises: what is wrong is a reason why nothing is known."""
    try:
        return column_lineage(parse_one(sql, dialect), schema, inlined)
    except Exception as error:  # noqa: BLE001 (one query's failure never hides the others)
        return unreadable(str(error) or type(error).__name__)


def with_names(lineage: QueryLineage, names: Sequence[str] | None) -> QueryLineage:
    """Give columns that the warehouse named after their text the names it is known to have given them."""
    if names is None or len(names) != len(lineage.columns):
        return lineage
    given = {told: name for told, name in zip(lineage.columns, names, strict=True) if told.startswith("#")}
    if not given or any(told not in given and told.lower() != name.lower() for told, name in zip(lineage.columns, names, strict=True)):
        return lineage
    edges = sorted(dataclasses.replace(edge, to_column=given.get(edge.to_column, edge.to_column)) for edge in lineage.edges)
    return dataclasses.replace(lineage, columns=tuple(given.get(told, told) for told in lineage.columns), edges=tuple(edges))


def edges_between_assets(found: AssetLineage, key_of: KeyOf) -> list[AssetColumnEdge]:
    """Return an asset's lineage as edges between assets, sorted, each once."""
    keys = {name: key_of(name) or str(name) for name in {edge.relation for edge in found.lineage.edges}}
    return sorted({
        AssetColumnEdge(keys[edge.relation], edge.from_column, found.key, edge.to_column, edge.flow) for edge in found.lineage.edges
    })  # fmt: skip
