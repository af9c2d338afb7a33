"""`penstock diff`: what a change of the project means, against a git commit, a manifest or another target."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from penstock.app.base_project import Base, open_base
from penstock.app.column_lineage import keys_of_relations
from penstock.app.gateway import DbtGateway
from penstock.app.history import definitions_of
from penstock.app.project import Project, load_project
from penstock.app.selecting import Choice, select_assets
from penstock.app.settings import Settings
from penstock.app.side_queries import at_hand, compiled_queries, has_query, moved_relations
from penstock.app.standing import Standing, standing_of
from penstock.assets.names import AssetKey
from penstock.compiler.redirect import redirect
from penstock.errors import ConfigError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.column_graph import AssetColumnEdge
from penstock.graph.column_readings import NodeQuery, changed_readings
from penstock.plan.difference import Difference
from penstock.plan.differences import Side, changed_edges, compare, suspects, with_ancestors
from penstock.plan.reach import NOTHING, impact, reach

_DIALECT = "duckdb"


@dataclass(frozen=True, slots=True)
class DiffWish(Choice):
    """What else a user asks of `diff`: the target that the base is read for, and where and by which key to compare rows."""

    base_target: str = ""
    data: bool = False
    key: tuple[str, ...] = ()
    base_schema: str = ""
    base_database: str = ""


NO_WISH = DiffWish()


def difference(settings: Settings, base: str, show: Callable[[str], None], wish: DiffWish = NO_WISH) -> Difference:
    """Compare the project with a base: a git ref, a manifest.json, "" for the usual branch or for `base_target` alone.

    `show` gets what dbt prints. Raises ConfigError for an unknown base and for rows that are wanted of nowhere, and what reading
    either project raises.
    """
    if wish.data and not (wish.base_target or wish.base_schema or wish.base_database):
        hint = "Name them: --base-target, --base-schema or --base-database."
        raise ConfigError("--data compares the rows of two places, and only one is known", hint=hint)
    gateway = DbtGateway(settings, show)
    try:
        project = load_project(settings, gateway)
    finally:
        gateway.close()  # one dbt session at a time: the base needs its own
    standing = standing_of(settings, project.graph)
    with open_base(settings, project, base, wish.base_target, show) as there:
        found = _compared(settings, project, there, standing, show, wish)
        if not wish.data:
            return found
        from penstock.app.row_diff import row_diffs

        diffs = row_diffs(settings, project.graph, there, found, wish, _selected(settings, project, wish))
        return dataclasses.replace(found, row_diffs=diffs)


def _compared(
    settings: Settings, project: Project, there: Base, standing: Standing, show: Callable[[str], None], wish: DiffWish
) -> Difference:
    graph, moved = project.graph, moved_relations(there.graph, project.graph)
    base, head = _sides(settings, project, there, standing, show)
    compared = compare(base, head, moved=moved, moved_place=there.moved_place, now=datetime.now(UTC))
    chosen = _selected(settings, project, wish)
    outcomes = [one for one in compared.outcomes if chosen is None or one.change.asset in chosen]
    start = {one.change.asset: one.touched for one in outcomes if one.touched != NOTHING}
    edges, read = _lineage(settings, graph, head.queries, compared.columns_of_both(), start)
    rebuilt = [one.change.asset for one in outcomes if one.rebuilt and one.change.asset in graph]
    return Difference(
        base=there.name,
        head=f"target {settings.profile.name}" if wish.base_target else "working tree",
        changes=tuple(dataclasses.replace(one.change, line=there.lines.get(one.change.path, one.change.line)) for one in outcomes),
        edges_added=changed_edges(graph, there.graph),
        edges_removed=changed_edges(there.graph, graph),
        impact=impact(graph, reach(graph, start, edges, read), rebuilt, compared.columns[1], standing.state),
        problems=tuple(filter(None, (*there.problems, standing.problem))),
    )


def _sides(settings: Settings, project: Project, there: Base, standing: Standing, show: Callable[[str], None]) -> tuple[Side, Side]:
    """Return both sides with the queries that are needed; what cannot differ is compiled once, here."""
    graph = project.graph
    wanted = [key for key in suspects(there.graph, graph) if has_query(graph[key]) and has_query(there.graph[key])]
    below = graph.descendants(graph.ids[key] for key in wanted)
    needed = [graph.assets[number].key for number in sorted({graph.ids[key] for key in wanted} | below) if has_query(graph.assets[number])]
    before, failed_before = there.queries(wanted)
    after, failed_after = compiled_queries(settings, graph, needed, show)
    after = {**at_hand(settings, graph, set(with_ancestors(graph, needed)) - set(needed)), **after}
    moved = moved_relations(there.graph, graph)
    unchanged = {key: sql for key, sql in after.items() if key in there.graph and key not in wanted}
    redirected = {key: redirect(sql, moved, _DIALECT) for key, sql in before.items()}
    return (
        Side(there.graph, there.definitions, {**unchanged, **redirected}, standing.columns, failed_before),
        Side(graph, definitions_of(settings, project), after, standing.columns, failed_after),
    )


def _lineage(
    settings: Settings, graph: AssetGraph, queries: Mapping[AssetKey, str], columns: Mapping[AssetKey, Sequence[str]],
    start: Collection[AssetKey],
) -> tuple[list[AssetColumnEdge], list[AssetKey]]:  # fmt: skip
    """Read the lineage of all that lies below what changed; columns that are gone can still be read there."""
    ids = {graph.ids[key] for key in start if key in graph}
    below = [graph.assets[number] for number in sorted(graph.descendants(ids))]
    nodes = [NodeQuery(one.key, "", partial(str, queries[one.key])) for one in below if one.key in queries]
    readings = list(changed_readings(nodes, keys_of_relations(graph, settings.profile.database), columns, {}, _DIALECT, columns.keys()))
    return [edge for one in readings for edge in one.edges], [one.key for one in readings]


def _selected(settings: Settings, project: Project, wish: DiffWish) -> frozenset[AssetKey] | None:
    """Return what is selected, None for all: then what is gone counts, too."""
    if not any((wish.select, wish.exclude, wish.selector, wish.resource_types, wish.exclude_resource_types)):
        return None
    return frozenset(select_assets(settings, project, wish).keys)
