"""Deferring to another target: what is the same there is read there, so that only what differs is built here.

The other target's last good state stands in its own state tables; no artifacts are needed. A deferred asset becomes a
source of this run: it is looked at like one, and queries that name it are pointed at the other target's relation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from penstock.app.history import definitions_of, reference_run
from penstock.app.project import Project
from penstock.app.settings import Settings, discover
from penstock.assets.asset import Asset, Kind, SourceSpec
from penstock.assets.definition import Comparison
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.records import StateSnapshot
from penstock.errors import ConfigError, PenstockError, SelectionError
from penstock.graph.asset_graph import AssetGraph
from penstock.state.definitions import definitions_as_of
from penstock.state.reader import read_state
from penstock.state.store import Statements, stored_version
from penstock.warehouse.duckdb import DuckDBWarehouse

_DEFERRABLE = frozenset({Kind.MODEL, Kind.SEED, Kind.SNAPSHOT, Kind.INGEST, Kind.SOURCE})


@dataclass(frozen=True)
class Deferral:
    """The graph with deferred assets as sources, their relations here and there, and which selected ones need no build."""

    graph: AssetGraph
    target: str = ""
    relations: Mapping[AssetKey, tuple[RelationName, RelationName]] = field(default_factory=dict)
    reused: frozenset[AssetKey] = frozenset()

    @property
    def redirect(self) -> dict[RelationName, RelationName]:
        """What to read instead of what."""
        return dict(self.relations.values())


def other_target(settings: Settings, name: str) -> Settings:
    """Return the settings of the target to defer to.

    Raises ConfigError where it is this one, or shares its state tables: then nobody could tell whose record is whose.
    """
    place = dataclasses.replace(settings.place, target=name, project_dir=str(settings.project_dir), profiles_dir=str(settings.profiles_dir))
    other = discover(place, settings.root, settings.env)
    if other.profile.name == settings.profile.name:
        raise ConfigError(f"--defer-target {name} is the target that is built", hint="Name another target, or build with --target.")
    if other.database_path == settings.database_path:
        if other.file.state_schema == settings.file.state_schema:
            hint = 'Give each its own in penstock.yml: state_schema: "penstock_{{ target.name }}".'
            raise ConfigError(f"targets {settings.profile.name} and {name} share the state schema {other.file.state_schema}", hint=hint)
    elif other.profile.database.lower() == settings.profile.database.lower():
        raise ConfigError(f"the databases of {settings.profile.name} and {name} have one name, {other.profile.database}")
    if not other.database_path.is_file():
        raise ConfigError(f"there is no database of target {name}: {other.profile.path}", hint="Build it first.")
    return other


def attachment(settings: Settings, other: Settings) -> list[dict[str, Any]]:
    """Return what to attach so that the other target's relations can be read beside this one's."""
    if other.database_path == settings.database_path:
        return []
    return [{"alias": other.profile.database, "path": str(other.database_path), "type": "duckdb", "read_only": True}]


def defer(
    settings: Settings, other: Settings, project: Project, selected: Collection[AssetKey], warehouse: DuckDBWarehouse, *, favor: bool
) -> Deferral:
    """Find out what the other target holds that need not be built here; `favor` it where this target has the relation too."""
    connection = warehouse.connect()
    sql = Statements(connection, other.file.state_schema, other.profile.database)
    if stored_version(sql) == 0:
        raise SelectionError(f"target {other.profile.name} has no state yet", hint=f"Run `penstock build --target {other.profile.name}`.")
    state = read_state(sql)
    recorded = (_relation_there(made.relation, other) for made in state.materializations.values())
    there = warehouse.catalog(sorted({(relation.database, relation.schema) for relation in recorded}))
    before = definitions_as_of(sql, reference_run(sql, "", good=True))
    comparison = Comparison(definitions_of(settings, project), before, datetime.now(UTC))
    schemas = sorted(
        {(one.relation.database or settings.profile.database, one.relation.schema) for one in project.graph.assets if one.relation}
    )
    here = warehouse.catalog(schemas)
    connection.close()
    wanted = set(selected)
    building: set[int] = set()
    relations: dict[AssetKey, tuple[RelationName, RelationName]] = {}
    for number, asset in enumerate(project.graph.assets):
        differs = _differs(asset, state, comparison) or any(parent in building for parent in project.graph.parents[number])
        stands = asset.relation is not None and RelationName(*asset.relation.normalised(settings.profile.database)) in here
        if (asset.key in wanted and (differs or (stands and not favor))) or (asset.ephemeral and differs):
            building.add(number)
        elif asset.kind in _DEFERRABLE and asset.builds_relation and asset.relation is not None and (favor or not stands):
            made = state.materializations.get(asset.key)
            relation = _relation_there(made.relation, other) if made is not None else None
            if relation is not None and RelationName(*relation.normalised(other.profile.database)) in there:
                relations[asset.key] = (asset.relation, relation)
    assets = [_as_source(asset, relations[asset.key][1]) if asset.key in relations else asset for asset in project.graph.assets]
    graph = AssetGraph.in_order(assets, project.graph.edge_kind)
    return Deferral(graph, other.profile.name, relations, frozenset(relations.keys() & wanted))


def _differs(asset: Asset, state: StateSnapshot, comparison: Comparison) -> bool:
    """Whether an asset is made otherwise here than there, as dbt compares manifests; what cannot be compared is."""
    made = state.materializations.get(asset.key)
    if asset.ingest is not None:
        return made is None or asset.fingerprint not in made.fingerprints
    if not asset.builds_relation and not asset.ephemeral:
        return False
    if asset.builds_relation and made is None:
        return True
    try:
        return asset.key not in comparison.current.nodes or comparison.is_new(asset.key) or comparison.contents(asset.key)
    except PenstockError:
        return True


def _as_source(asset: Asset, relation: RelationName) -> Asset:
    return dataclasses.replace(
        asset, kind=Kind.SOURCE, relation=relation, ingest=None, materialized="", recompile=False, source=SourceSpec(source_name="deferred")
    )


def _relation_there(name: str, other: Settings) -> RelationName:
    schema, _, identifier = name.partition(".")
    return RelationName(other.profile.database, schema, identifier)
