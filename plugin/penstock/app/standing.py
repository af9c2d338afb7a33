"""What a project's database says of its assets, where there is one and nobody else holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from penstock.app.settings import Settings
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.records import StateSnapshot
from penstock.errors import PenstockError
from penstock.graph.asset_graph import AssetGraph
from penstock.state.reader import read_state
from penstock.state.store import Statements
from penstock.warehouse.duckdb import open_duckdb


@dataclass(frozen=True)
class Standing:
    """The columns of relations that stand, and the state, None without one; `problem` says why the database could not be read."""

    columns: Mapping[AssetKey, Sequence[str]] = field(default_factory=dict)
    state: StateSnapshot | None = None
    problem: str = ""


def standing_of(settings: Settings, graph: AssetGraph) -> Standing:
    """Ask the database for columns and state; somebody else's lock is no reason to give up."""
    if not settings.database_path.exists():
        return Standing()
    try:
        with closing(open_duckdb(settings.database_path, settings.profile.raw, read_only=True)) as warehouse:
            database = settings.profile.database
            relations = {asset.key: asset.relation.normalised(database) for asset in graph.assets if asset.relation is not None}
            catalog = warehouse.catalog(sorted({name[:2] for name in relations.values()}))
            found = {key: catalog.get(RelationName(*name)) for key, name in relations.items()}
            columns = {key: tuple(column for column, _ in one.columns) for key, one in found.items() if one is not None}
            return Standing(columns, read_state(Statements(warehouse.connect(), settings.file.state_schema)))
    except PenstockError as error:
        return Standing(problem=f"nothing is estimated, the database could not be read: {error.message}")
