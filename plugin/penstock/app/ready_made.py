"""Ready-made checks of a project: those of `penstock.yml` by selection, and those that assets ask for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.assets.asset import Asset
from penstock.assets.check import CheckSpec
from penstock.assets.monitors import Monitor, monitor_name, read_monitors
from penstock.assets.names import AssetKey
from penstock.errors import Location, PenstockError, Problems, raise_all
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.checks import testable
from penstock.parser.partitioned import spec_of
from penstock.parser.project_file import ProjectFile
from penstock.selector.select import select

PROJECT_FILE = "penstock.yml"


@dataclass(frozen=True, slots=True)
class ReadyMade:
    """A ready-made check of one asset; the name is made of the kind, the asset and the column."""

    name: str
    asset: AssetKey
    spec: CheckSpec


def ready_made_checks(graph: AssetGraph, file: ProjectFile, project: str) -> tuple[list[ReadyMade], list[str]]:
    """Return the ready-made checks of all assets in the graph's order, and what to warn of; `project` is the dbt project's name.

    Where several places ask for the same kind and column, the asset's own goes first, then the last selection. Raises
    ConfigError or SelectionError, or Problems with all that cannot be understood.
    """
    problems: list[PenstockError] = []
    warnings: list[str] = []
    wanted: dict[AssetKey, dict[tuple[str, str], tuple[Monitor, str]]] = {}
    for key, monitors, path in (*_selected(graph, file, project, problems, warnings), *_own(graph, problems)):
        wanted.setdefault(key, {}).update({(one.kind, one.column): (one, path) for one in monitors})
    raise_all(problems)
    return [_check(asset, *found) for asset in graph.assets for found in wanted.get(asset.key, {}).values()], warnings


def _check(asset: Asset, monitor: Monitor, path: str) -> ReadyMade:
    # Imported here: SQL is only needed for a project that has such checks.
    from penstock.compiler.monitors import monitor_check

    return ReadyMade(monitor_name(monitor, asset.name), asset.key, monitor_check(monitor, path, spec_of(asset)))


def _selected(
    graph: AssetGraph, file: ProjectFile, project: str, problems: list[PenstockError], warnings: list[str]
) -> Iterator[tuple[AssetKey, tuple[Monitor, ...], str]]:
    for selection, monitors in file.ready_made(Location(PROJECT_FILE)).items():
        try:
            keys = select(graph, (selection,), (), indirect="empty", project=project).keys
        except PenstockError as error:
            error.at = error.at or Location(PROJECT_FILE)
            problems.append(error)
            continue
        chosen = [key for key in keys if testable(graph[key])]
        if not chosen:
            warnings.append(f"{PROJECT_FILE}: `{selection}` in `monitors` selects nothing to look at")
        yield from ((key, monitors, PROJECT_FILE) for key in chosen)


def _own(graph: AssetGraph, problems: list[PenstockError]) -> Iterator[tuple[AssetKey, tuple[Monitor, ...], str]]:
    for asset in graph.assets:
        said = asset.penstock.get("monitors") if testable(asset) else None
        if said is None:
            continue
        try:
            yield asset.key, read_monitors(said, Location(asset.path)), asset.path
        except Problems as several:
            problems += several.problems
        except PenstockError as error:
            problems.append(error)
