"""The project's checks, files and ready-made ones, and the assets that each of them selects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from penstock.app.ready_made import ready_made_checks
from penstock.app.settings import Settings, read_text
from penstock.assets.names import AssetKey, quote
from penstock.errors import ParseError, PenstockError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.checks import CheckNode, nodes_of, testable, with_checks
from penstock.parser.checks import CheckFile, duplicates, parse_check
from penstock.parser.sql_file import Names
from penstock.selector.select import select


def add_checks(settings: Settings, project: str, graph: AssetGraph, names: Names, paths: Sequence[str]) -> tuple[AssetGraph, list[str]]:
    """Return the graph with its checks, and what to warn of; `paths` are relative to the project's root.

    A file that cannot be understood fails by itself when it is run.
    """
    nodes: list[CheckNode] = []
    warnings: list[str] = []
    for file in _unlike([_parsed(settings, path, names) for path in paths]):
        try:
            tested, near = _tested(graph, file, project) if file.error is None else ((), ())
            nodes += nodes_of(file, tested)
        except PenstockError as error:
            error.at = error.at or file.at("select")
            nodes += nodes_of(dataclasses.replace(file, error=error), ())
        else:
            if not tested and file.error is None:
                nearest = f"; nearest: {', '.join(near)}" if near else ""
                warnings.append(f"{file.at('select')}: the check {file.name} selects nothing to look at{nearest}")
    ready, more = ready_made_checks(graph, settings.file, project)
    nodes += [CheckNode(one.name, one.spec.path, one.spec, one.asset) for one in ready]
    schema = quote(settings.file.state_schema)
    return with_checks(graph, nodes, settings.profile.database, lambda key: _history(schema, key)), [*warnings, *more]


def _history(schema: str, key: AssetKey) -> str:
    from penstock.compiler.history import history_sql

    return history_sql(schema, key)


def _parsed(settings: Settings, path: str, names: Names) -> CheckFile:
    try:
        return parse_check(path, read_text(settings.root / path), names)
    except PenstockError as error:
        return dataclasses.replace(parse_check(path, "", names), error=error)


def _unlike(files: list[CheckFile]) -> list[CheckFile]:
    """Fail every file whose name an earlier one has."""
    wrong = {problem.at.file: problem for problem in duplicates(files) if problem.at is not None}
    return [dataclasses.replace(file, error=wrong[file.path]) if file.path in wrong else file for file in files]


def _tested(graph: AssetGraph, file: CheckFile, project: str) -> tuple[tuple[AssetKey, ...], tuple[str, ...]]:
    """Return the selected assets that have rows, and names near what matches nothing. Raises ParseError where only others are selected."""
    spec = file.spec
    selection = select(graph, spec.select, spec.exclude, indirect="empty", project=project)
    keys = selection.keys
    found = tuple(key for key in keys if testable(graph[key]))
    if keys and not found:
        raise ParseError(f"`select` finds {graph[keys[0]].name}, which has no rows", at=file.at("select"), hint="Select tables or views.")
    return found, tuple(name for miss in selection.unmatched for name in miss.nearest)
