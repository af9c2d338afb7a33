"""What kind of a change each asset went through, for `state:modified.breaking` and `.cosmetic`; dbt is never asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from penstock.app.base_project import open_base
from penstock.app.history import definitions_of
from penstock.app.project import Project
from penstock.app.settings import Settings
from penstock.app.side_queries import at_hand, has_query, moved_relations
from penstock.app.standing import standing_of
from penstock.assets.asset import Asset
from penstock.assets.code_version import code_version
from penstock.assets.names import AssetKey
from penstock.compiler.redirect import redirect
from penstock.parser.query import read_query
from penstock.plan.difference import Category
from penstock.plan.differences import Side, compare, suspects

_DIALECT = "duckdb"


def categories_since(settings: Settings, project: Project, folder: str, as_of: str) -> Mapping[AssetKey, str]:
    """Return the category of each asset that was compared: with a folder's manifest, else with the recorded code versions.

    A record says only whether code means the same: what does not is missing here, as is everything `as_of` an earlier time.
    """
    if folder:
        return _since_manifest(settings, project, os.path.relpath(settings.project_dir / folder / "manifest.json"))
    return {} if as_of else _since_record(settings, project)


def _since_manifest(settings: Settings, project: Project, manifest: str) -> dict[AssetKey, str]:
    graph = project.graph
    with open_base(settings, project, manifest, "", print) as base:
        moved = moved_relations(base.graph, graph)
        wanted = [key for key in suspects(base.graph, graph) if has_query(base.graph[key])]
        before = {key: redirect(sql, moved, _DIALECT) for key, sql in base.queries(wanted)[0].items()}
        after = at_hand(settings, graph, graph.ids.keys())
        unchanged = {key: sql for key, sql in after.items() if key in base.graph and key not in wanted}
        columns = standing_of(settings, graph).columns
        then = Side(base.graph, base.definitions, {**unchanged, **before}, columns)
        here = Side(graph, definitions_of(settings, project), after, columns)
        compared = compare(then, here, moved=moved, moved_place=True, now=datetime.now(UTC))
    return {one.change.asset: one.change.category for one in compared.outcomes}


def _since_record(settings: Settings, project: Project) -> dict[AssetKey, str]:
    """Find what means what its record says, though its text may be another one."""
    standing = standing_of(settings, project.graph)
    made = standing.state.materializations if standing.state is not None else {}
    queries = at_hand(settings, project.graph, [key for key in made if key in project.graph])
    spelled = {asset.relation.normalised(): standing.columns.get(asset.key) for asset in project.graph.assets if asset.relation is not None}

    def version(asset: Asset) -> str:
        facts = read_query(queries[asset.key], _DIALECT)
        known = [spelled.get(table.normalised()) for table in facts.tables]
        return code_version(asset, facts.canonical_among(None if None in known else [name for names in known for name in names or ()]))

    same = (
        key
        for key in queries
        if project.graph[key].fingerprint in made[key].fingerprints or version(project.graph[key]) == made[key].code_version
    )
    return dict.fromkeys(same, Category.COSMETIC)
