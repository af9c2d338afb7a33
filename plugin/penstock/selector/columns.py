"""`column:NODE.column`: the asset that has a column, and with `+` those that read it or that it comes from, by column lineage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from penstock.graph.column_walk import Spot
from penstock.selector.tree import Criterion
from penstock.selector.view import GraphView

COLUMN = "column"


def by_column(view: GraphView, criterion: Criterion) -> Iterator[int]:
    """The asset with the column. Raises SelectionError where none is on record, with near names."""
    spot = _spot(view, criterion)
    if spot.asset in view.graph:
        yield view.graph.ids[spot.asset]


def related_by_column(view: GraphView, criterion: Criterion) -> set[int]:
    """Return the asset with the column, and what the operators add: steps are those of column lineage, not of the graph."""
    columns, spot = view.history.columns(), _spot(view, criterion)
    keys = {spot.asset}
    if criterion.children or criterion.childrens_parents:
        depth = None if criterion.childrens_parents else criterion.children_depth
        keys |= {link.target.asset for link in columns.downstream([spot], depth)}
    if criterion.parents:
        keys |= {link.source.asset for link in columns.upstream([spot], criterion.parents_depth)}
    found = _ids(view, keys)
    return found | view.graph.ancestors(found) if criterion.childrens_parents else found


def _spot(view: GraphView, criterion: Criterion) -> Spot:
    return view.history.columns().find(criterion.value, view.graph.ids)


def _ids(view: GraphView, keys: Iterable[str]) -> set[int]:
    return {view.graph.ids[key] for key in keys if key in view.graph}
