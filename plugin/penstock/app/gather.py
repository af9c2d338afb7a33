"""Gathering the planner's facts: the state, the relations that stand, and the inputs that nothing here builds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from penstock.assets.asset import Kind
from penstock.assets.records import Observation, StateSnapshot, Strength
from penstock.errors import WarehouseError
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts
from penstock.state.reader import read_state
from penstock.state.store import Statements
from penstock.warehouse.files import observe_files
from penstock.warehouse.protocol import Warehouse


def gather(
    graph: AssetGraph, selected: Iterable[int], warehouse: Warehouse, sql: Statements, *,
    database: str, project_folder: Path, force: bool = False, full_refresh: bool = False,
) -> Facts:  # fmt: skip
    """Look at everything the selected assets depend on; reads only."""
    state = read_state(sql)
    chosen = frozenset(selected)
    schemas = {(asset.relation.database or database, asset.relation.schema) for asset in graph.assets if asset.relation is not None}
    facts = Facts(
        graph=graph,
        state=state,
        selected=chosen,
        standing=warehouse.relations(sorted(schemas)),
        database=database,
        force=force,
        full_refresh=full_refresh,
    )
    observed = {seen.asset: seen for seen in _observations(facts, sql, project_folder)}
    return dataclasses.replace(facts, observed=observed)


def nothing_yet(graph: AssetGraph, selected: Iterable[int], *, database: str, force: bool, full_refresh: bool) -> Facts:
    """Return the facts about a database that does not exist yet."""
    return Facts(graph, StateSnapshot(), frozenset(selected), database=database, force=force, full_refresh=full_refresh)


def _observations(facts: Facts, sql: Statements, project_folder: Path) -> Iterable[Observation]:
    """Look at sources, files and undeclared tables that selected assets read."""
    sources: set[int] = set()
    names: set[str] = set()
    for number in facts.selected:
        asset = facts.graph.assets[number]
        if not asset.executable:
            continue
        sources.update(facts.inputs[number])
        names.update(seen.input for seen in facts.state.inputs.get(asset.key, ()))
        if asset.ingest is not None:
            names.update(f"file:{pattern}" for pattern in asset.ingest.watch)
    for number in sorted(sources):
        asset = facts.graph.assets[number]
        if asset.kind is Kind.SOURCE and asset.ingest is None:
            yield _observe_source(facts, number, sql)
    for name in sorted(names):
        if name.startswith("file:"):
            yield observe_files(name, name.removeprefix("file:"), project_folder)
        elif name.startswith("cwd:"):
            yield observe_files(name, name.removeprefix("cwd:"), Path.cwd())
        elif name.startswith("table:"):
            yield _observe_content(name, name.removeprefix("table:"), sql)


def _observe_source(facts: Facts, number: int, sql: Statements) -> Observation:
    asset = facts.graph.assets[number]
    if asset.source is not None and asset.source.external_location:
        return Observation(asset.key, "external", Strength.LISTING, "read through: its files are inputs of each reader")
    if asset.relation is None or facts.standing_type(number) is None:
        return Observation(asset.key, "", Strength.UNKNOWN, "the table does not exist")
    return _observe_content(asset.key, asset.relation.sql, sql)


def _observe_content(name: str, relation: str, sql: Statements) -> Observation:
    try:
        return Observation(name, str(sql.run("observe", relation=relation)[0][0]), Strength.CONTENT)
    except WarehouseError as error:
        return Observation(name, "", Strength.UNKNOWN, error.message.splitlines()[0])
