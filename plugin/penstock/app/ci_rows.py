"""How the rows of what was built differ from production's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing

from penstock.app.base_project import Base
from penstock.app.diff import DiffWish
from penstock.app.project import Project
from penstock.app.row_diff import row_diffs
from penstock.app.settings import Settings
from penstock.assets.definition import Definitions
from penstock.assets.names import AssetKey, RelationName
from penstock.plan.difference import Difference, RowDiff
from penstock.warehouse.duckdb import open_duckdb

_COPIES = "penstock_ci_copies"


def compared_rows(
    place: Settings, production: Settings, project: Project, found: Difference, built: Collection[AssetKey]
) -> tuple[RowDiff, ...]:
    """Compare what stands in the throw-away place with production; what is new there has nothing to be compared with."""
    new = {change.asset for change in found.changes if change.change == "added"}
    wanted = frozenset(key for key in built if key in project.graph and key not in new)
    if not wanted:
        return ()
    relations = [RelationName(place.profile.database, one.relation.schema, one.relation.identifier)
                 for one in project.graph.assets if one.key in wanted and one.relation is not None]  # fmt: skip
    _keep_views(place, production, relations)
    base = Base(f"target {production.profile.name}", production, project.graph, Definitions(), lambda _: ({}, {}), moved_place=True)
    return row_diffs(place, project.graph, base, found, DiffWish(base_target=production.profile.name), wanted)


def _keep_views(place: Settings, production: Settings, relations: Sequence[RelationName]) -> None:
    """Make tables of the views among them: their queries name production's file, which is attached by another name to compare."""
    own = production.profile.database
    attach = [{"alias": own, "path": str(production.database_path), "type": "duckdb", "read_only": True}]
    warehouse = open_duckdb(place.database_path, place.profile.raw, read_only=False, attach=attach)
    with closing(warehouse), closing(warehouse.connect()) as connection:
        standing = warehouse.catalog(sorted({(one.database, one.schema) for one in relations}))
        views = [one for one in relations if _is_view(standing.get(RelationName(*one.normalised())))]
        connection.execute(f"create schema if not exists {RelationName(place.profile.database, _COPIES, '').schema_sql}")
        for number, view in enumerate(views):  # all of them before any is gone: views read views
            connection.execute(f"create table {_copy(place, number).sql} as select * from {view.sql}")
        for number, view in enumerate(views):
            connection.execute(f"drop view {view.sql}")
            connection.execute(f"create table {view.sql} as select * from {_copy(place, number).sql}")


def _copy(place: Settings, number: int) -> RelationName:
    return RelationName(place.profile.database, _COPIES, f"v{number}")


def _is_view(standing: object) -> bool:
    return getattr(standing, "type", "") == "view"
