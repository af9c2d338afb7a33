"""`penstock doctor`: environment, configuration, links, database file; each finding with its remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from penstock.app.gateway import DbtGateway
from penstock.app.project import Project, load_project
from penstock.app.reading import store_status
from penstock.app.settings import Place, Settings, discover
from penstock.assets.asset import Kind
from penstock.errors import PenstockError, problems_in
from penstock.warehouse.lock import DatabaseLock

_PACKAGES = ("penstock", "dbt-core", "dbt-duckdb", "duckdb", "sqlglot")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `level` is ok, note, warn or error."""

    level: str
    topic: str
    text: str
    hint: str = ""


def examine(place: Place, folder: Path, env: dict[str, str], show: Callable[[str], None]) -> list[Finding]:
    """Look at everything; never raises for what it finds wrong."""
    findings = list(_environment())
    try:
        settings = discover(place, folder, env)
    except PenstockError as error:
        return [*findings, *_problems("configuration", error)]
    findings.append(Finding("ok", "configuration", f"project {settings.dbt.name}, target {settings.profile.name}"))
    findings += [Finding("note", "executor", f"{item}: every node goes through dbt") for item in settings.profile.obstacles]
    gateway = DbtGateway(settings, show)
    try:
        project = load_project(settings, gateway)
        findings += [*_graph(project), *_checks(project)]
    except PenstockError as error:
        findings += _problems("project", error)
    finally:
        gateway.close()
    return [*findings, *_database(settings)]


def _environment() -> Iterator[Finding]:
    yield Finding("ok", "environment", f"Python {sys.version.split()[0]}")
    for package in _PACKAGES:
        try:
            yield Finding("ok", "environment", f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("error", "environment", f"{package} is not installed", f"pip install {package}")


def _graph(project: Project) -> Iterator[Finding]:
    kinds: dict[str, int] = {}
    for asset in project.graph.assets:
        kinds[asset.kind.value] = kinds.get(asset.kind.value, 0) + 1
    counted = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(kinds.items()))
    yield Finding("ok" if kinds else "warn", "project", counted or "no assets", "" if kinds else "Add a model.")
    for number, asset in enumerate(project.graph.assets):
        if asset.ingest is not None and asset.ingest.error:
            yield Finding("error", "ingest", asset.ingest.error)
        elif asset.kind is Kind.INGEST:
            yield Finding(
                "note", "ingest", f"{asset.path} loads {asset.relation}, which no dbt source declares", "Declare it under sources:."
            )
        elif asset.is_plain_source and not project.graph.parents[number]:
            yield Finding("note", "source", f"{asset.name} is loaded by something Penstock does not know")


def _checks(project: Project) -> Iterator[Finding]:
    for warning in project.warnings:
        yield Finding("warn", "checks", warning, "Correct `select` in its header.")
    for asset in project.graph.assets:
        if asset.check is not None and asset.check.error:
            text, _, hint = asset.check.error.partition("\n")
            yield Finding("error", "checks", text, hint)


def _database(settings: Settings) -> Iterator[Finding]:
    path = settings.database_path
    if not path.exists():
        yield Finding("note", "database", f"{path.name} does not exist yet", "penstock build makes it.")
        return
    holder = DatabaseLock(path).holder()
    try:
        found = store_status(settings)
    except PenstockError as error:
        yield from _problems("database", error)
        return
    if holder is not None:
        yield Finding("note", "database", f"{holder} ended without giving the lock back; the lock itself is free")
    yield Finding("ok", "database", f"{path.name}, {path.stat().st_size:,} bytes")
    if found["pending"]:
        yield Finding(
            "warn", "store", f"version {found['version']}, newest {found['newest']}", "penstock store migrate (or the next build)"
        )
    else:
        yield Finding("ok", "store", f"schema {found['schema']}, version {found['version']}")


def _problems(topic: str, error: PenstockError) -> Iterator[Finding]:
    for problem in problems_in(error):
        yield Finding("error", topic, str(problem), problem.hint)
