"""Column lineage of one query: which columns of which tables flow into each of its columns, and how.

Nothing is left out. Where it cannot be told exactly what flows, all that may flow is listed as `unknown`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.parser import lineage_flows as flows
from penstock.parser.lineage_expressions import flows_of
from penstock.parser.lineage_queries import query_relation
from penstock.parser.lineage_relations import Relation, column_names
from penstock.parser.lineage_scopes import Reading, Schema, Scope

ROWS = ""
"""Stands for the column that an edge leads to where it leads to the rows, and so to every column."""

EVERY_COLUMN = flows.EVERY_COLUMN

VERSION = 1
"""Of these rules: what was read by others has to be read again."""


class Flow(StrEnum):
    """How a column flows into another one, or into which rows there are."""

    PASSTHROUGH = "passthrough"
    RENAMED = "renamed"
    DERIVED = "derived"
    AGGREGATED = "aggregated"
    FILTER = "filter"
    JOIN = "join"
    GROUP = "group"
    ORDER = "order"
    WINDOW = "window"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class ColumnEdge:
    """One column that flows into another.

    `from_column` is `*` for any column of a relation whose columns are not known; `to_column` is `ROWS`, or `*` for the
    columns that are not known themselves.
    """

    relation: RelationName
    from_column: str
    to_column: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class QueryLineage:
    """The lineage of one query.

    `columns` are those of the query in order: `*` stands for some that are not known, `#2` for the second one where the
    warehouse names it after its text. `edges` are sorted; an edge `unknown` may be, one of another kind is. `unknown` says
    why something is not known. `inputs` are the tables looked up with the columns they had, None if not known: the same
    text with the same inputs has the same lineage.
    """

    columns: tuple[str, ...]
    edges: tuple[ColumnEdge, ...]
    unknown: tuple[str, ...] = ()
    inputs: tuple[tuple[RelationName, tuple[str, ...] | None], ...] = ()


def column_lineage(tree: exp.Expr, schema: Schema, inlined: Mapping[str, RelationName] | None = None) -> QueryLineage:
    """Return the lineage of a parsed query; never raises.

    `schema` is asked for the columns of every table by the name written in the query. `inlined` maps common table
    expressions, lower case, to relations that they stand for, such as dbt's ephemeral models: they are not looked into.
    """
    reading = Reading(schema, inlined or {}, query_relation, flows_of)
    try:
        relation = query_relation(reading, tree, Scope({}))
    except RecursionError:
        return _of_nothing_but_names(tree, schema)
    edges = sorted(_edges(relation))
    inputs = tuple((name, columns) for name, columns in reading.inputs.items())
    columns = tuple(column_names(relation.fields))
    return QueryLineage(columns, tuple(edges), _doubts(columns, edges, reading.reasons), inputs)


def unreadable(reason: str) -> QueryLineage:
    """Return the lineage of a text that could not even be parsed: nothing may be believed of it."""
    return QueryLineage((EVERY_COLUMN,), (), (reason,))


def _of_nothing_but_names(tree: exp.Expr, schema: Schema) -> QueryLineage:
    """Return the lineage of a query that is nested too deeply: every table it names may flow into everything."""
    names = {RelationName(table.catalog, table.db, table.name) for table in tree.find_all(exp.Table) if table.name}
    edges = tuple(ColumnEdge(name, EVERY_COLUMN, to, Flow.UNKNOWN) for name in sorted(names) for to in (ROWS, EVERY_COLUMN))
    inputs = tuple((name, None if columns is None else tuple(columns)) for name in sorted(names) for columns in [schema(name)])
    return QueryLineage((EVERY_COLUMN,), edges, ("the query is nested too deeply to be followed",), inputs)


def _edges(relation: Relation) -> Iterator[ColumnEdge]:
    for to_column, found in ((ROWS, relation.rows), *relation.columns().items()):
        for origin, ways in found.items():
            table, column = origin.table.name, origin.column
            for flow in _FLOWS[ways]:
                renamed = flow is Flow.PASSTHROUGH and column.lower() != to_column.lower()
                yield ColumnEdge(table, column, to_column, Flow.RENAMED if renamed else flow)


def _flows(ways: int) -> tuple[Flow, ...]:
    """Return what the bits say: of a value's ways the one that changes it most, and all others."""
    value = next((flow for way, flow in _VALUES if ways & way), None)
    return (*((value,) if value else ()), *(flow for way, flow in _PLACES if ways & way))


_VALUES = ((flows.AGGREGATED, Flow.AGGREGATED), (flows.DERIVED, Flow.DERIVED), (flows.UNCHANGED, Flow.PASSTHROUGH))
_PLACES = (
    (flows.FILTER, Flow.FILTER), (flows.JOIN, Flow.JOIN), (flows.GROUP, Flow.GROUP), (flows.ORDER, Flow.ORDER),
    (flows.WINDOW, Flow.WINDOW), (flows.UNKNOWN, Flow.UNKNOWN),
)  # fmt: skip
_FLOWS = [_flows(ways) for ways in range(2 * flows.UNKNOWN)]


def _doubts(columns: Iterable[str], edges: Iterable[ColumnEdge], reasons: Iterable[str]) -> tuple[str, ...]:
    """Return the reasons found, and those that can be seen from what is not known; none if all that is asked for is known."""
    doubtful = [edge for edge in edges if edge.flow is Flow.UNKNOWN]
    if not doubtful and EVERY_COLUMN not in columns:
        return ()
    found = dict.fromkeys(reasons)
    found |= {f"the columns of {edge.relation} are not known": None for edge in doubtful if edge.from_column == EVERY_COLUMN}
    if doubtful and not found:
        found["a name may mean one of several columns"] = None
    return tuple(found)
