"""The use case `ci`: from a checkout of a pull request to one verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from penstock.app.build import Stopper
from penstock.app.ci_build import Built, affected, build_affected, plan_affected
from penstock.app.ci_rows import compared_rows
from penstock.app.ci_throwaway import production_of, require_built, sweep, throwaway
from penstock.app.compiled import CompiledQueries
from penstock.app.diff import difference
from penstock.app.gateway import DbtGateway
from penstock.app.planning import Planned
from penstock.app.project import Project, load_project
from penstock.app.repository import in_repository
from penstock.app.runs import new_run_id, utc_now
from penstock.app.settings import Settings
from penstock.assets.asset import Asset, Kind
from penstock.assets.names import AssetKey
from penstock.errors import ContractError, GraphError, ParseError, PenstockError, Problems, ProjectError, problems_in
from penstock.parser.ci_rules import Rules
from penstock.parser.open_stars import open_stars
from penstock.plan.difference import Difference
from penstock.plan.names import display
from penstock.plan.policies import Proposal, broken_rules
from penstock.plan.verdict import Finding, Severity, Verdict
from penstock.runner.outcomes import Sink

_OF_THE_PULL_REQUEST = (ProjectError, ParseError, GraphError, ContractError)
"""What is wrong with a checkout: the pull request's fault, not that of whoever called `ci`."""


@dataclass(frozen=True, slots=True)
class CiWish:
    """What a user asks of `ci`; `build` builds and checks, `plan` says what would be built; without both only texts are read.

    `rules` go before those of `penstock.yml`: a fork's own rules do not count.
    """

    base: str = ""
    build: bool = True
    plan: bool = True
    labels: tuple[str, ...] = ()
    defer_target: str = ""
    max_partitions: int = 400
    wait_seconds: float = 0
    rules: Rules | None = None


def verdict_on(
    settings: Settings, wish: CiWish, sink_for: Callable[[Planned], Sink], show: Callable[[str], None], stop: Stopper
) -> Verdict:  # fmt: skip
    """Look at a pull request from all sides.

    Raises ConfigError for what the caller has to mend, WarehouseBusy where production's file is being written; what is wrong
    with the pull request is in the verdict.
    """
    sweep(settings)
    production = production_of(settings, wish.defer_target)
    if wish.build:
        require_built(production)
    gateway = DbtGateway(production, show)
    try:
        project = load_project(production, gateway)
    except (*_OF_THE_PULL_REQUEST, Problems) as error:
        return _unreadable(settings, wish, error)
    finally:
        gateway.close()
    found = _located(settings, difference(production, wish.base, show))
    placed = _placed(settings)
    proposal = Proposal(
        project.graph, found, frozenset(wish.labels), project.name, _stars(production), lambda path: placed(settings.project_dir, path)
    )
    findings = broken_rules(wish.rules or settings.file.ci.rules, proposal)
    keys = affected(project, found)
    if not (wish.build or wish.plan):
        built, how = Built(), "Only texts were read: nothing was built, no warehouse was opened."
    elif not keys:
        built, how = Built(), "Nothing has to be built."
    elif not production.database_path.is_file():
        built, how = Built(), f"Nothing was planned: target {production.profile.name} has no database here."
    else:
        built, found, how = _tried(settings, production, project, found, keys, wish, sink_for, show, stop)
    return Verdict(
        difference=found, findings=findings, builds=built.builds, checks=built.checks, edges=_edges(project, found, keys),
        notes=(how, *built.notes), names=_names(project, found),
    )  # fmt: skip


def _tried(
    settings: Settings, production: Settings, project: Project, found: Difference, keys: Collection[AssetKey], wish: CiWish,
    sink_for: Callable[[Planned], Sink], show: Callable[[str], None], stop: Stopper,
) -> tuple[Built, Difference, str]:  # fmt: skip
    """Build or plan what changed; return also the difference with its rows, and how it was done."""
    placed = _placed(settings)
    with throwaway(settings, production, new_run_id(utc_now())) as place:
        if not wish.build:
            planned = plan_affected(place, production, keys, show, wait_seconds=wish.wait_seconds)
            return planned, found, "Nothing was built: --no-build."
        built = build_affected(
            place, production, keys, sink_for, show, stop, lambda asset: _path_of(settings, asset, placed),
            max_partitions=wish.max_partitions, wait_seconds=wish.wait_seconds,
        )  # fmt: skip
        rows = compared_rows(place, production, project, found, [one.asset for one in built.builds if one.status == "success"])
        how = (
            f"Built in {place.profile.database}, a database file that is gone by now; all else was read from target "
            f"{production.profile.name}, whose file was attached read-only."
        )
        return built, dataclasses.replace(found, row_diffs=rows), how


def _unreadable(settings: Settings, wish: CiWish, error: PenstockError) -> Verdict:
    """Return the verdict on a checkout that cannot even be read."""
    placed = _placed(settings)
    findings = tuple(
        Finding(
            "parse", Severity.ERROR, one.message, path=placed(Path.cwd(), one.at.file) if one.at else "",
            line=one.at.line if one.at else 0, remedy=one.hint,
        )
        for one in problems_in(error)
    )  # fmt: skip
    return Verdict(Difference(wish.base, "working tree"), findings, notes=("The project cannot be read: nothing else was looked at.",))


def _stars(settings: Settings) -> Callable[[Asset], tuple[str, ...]]:
    """Return what finds the open stars of an asset's query; a query that only dbt can compile is not looked at."""
    queries = CompiledQueries(settings.work / "compiled.json")

    @cache
    def of(key: AssetKey, sql: str) -> tuple[str, ...]:
        return open_stars(sql) if key else ()

    def stars(asset: Asset) -> tuple[str, ...]:
        if asset.ingest is not None:
            return ()  # an ingestion file takes what its files hold
        return of(asset.key, queries.get(asset)[0]) if queries.has(asset) else ()

    return stars


def _placed(settings: Settings) -> Callable[[Path, str], str]:
    """Return what turns a path that is relative to a folder into one of the repository, as reports name files."""
    top = in_repository(settings.root)

    def placed(folder: Path, path: str) -> str:
        found = (folder / path).absolute()
        return found.relative_to(top).as_posix() if path and found.is_relative_to(top) else path

    return placed


def _located(settings: Settings, found: Difference) -> Difference:
    """Name every file as the repository does: ingestion files and checks lie beside `penstock.yml`, all else in dbt's project."""
    placed = _placed(settings)
    beside = (f"{settings.file.ingest}/", f"{settings.file.checks}/")
    changes = (
        dataclasses.replace(one, path=placed(settings.root if one.path.startswith(beside) else settings.project_dir, one.path))
        for one in found.changes
    )
    return dataclasses.replace(found, changes=tuple(changes))


def _path_of(settings: Settings, asset: Asset, placed: Callable[[Path, str], str]) -> str:
    if asset.ingest is not None:
        return placed(settings.root, asset.ingest.path)
    return placed(settings.root if asset.check is not None else settings.project_dir, asset.path)


def _edges(project: Project, found: Difference, keys: Collection[AssetKey]) -> tuple[tuple[AssetKey, AssetKey], ...]:
    """Return the edges between what changed and what that reaches; tests are left out."""
    graph = project.graph
    shown = {change.asset for change in found.changes} | {key for key in keys if not graph[key].is_test}
    shown |= {key for key, _ in found.impact.exposures}
    current = {(parent, child) for parent, child, _ in graph.edges() if parent in shown and child in shown}
    gone = {(parent, child) for parent, child in found.edges_removed if parent in shown and child in shown}
    return tuple(sorted(edge for edge in current | gone if not _is_test(graph, edge[1])))


def _is_test(graph: Any, key: AssetKey) -> bool:
    return key in graph and graph[key].is_test


def _name(asset: Asset) -> str:
    return asset.name if asset.kind is Kind.EXPOSURE else display(asset.key)


def _names(project: Project, found: Difference) -> Mapping[AssetKey, str]:
    gone = {change.asset: change.name for change in found.changes}
    return {**gone, **{asset.key: _name(asset) for asset in project.graph.assets}}
