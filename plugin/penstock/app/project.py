"""The project's graph: from the cache while nothing changed, else from dbt's manifest and the ingestion files."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from penstock.app.atomic import write_atomically
from penstock.app.project_files import Stamp, check_files, dbt_files, ingest_files, packages, read_source
from penstock.app.settings import Settings
from penstock.assets.fingerprint import digest
from penstock.assets.names import AssetKey
from penstock.errors import Location, ParseError, ProjectError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.codec import decode_graph, encode_graph
from penstock.parser.profile import load_dbt_yaml

if TYPE_CHECKING:
    from penstock.app.gateway import DbtGateway
    from penstock.parser.ingest import IngestFile
    from penstock.parser.sql_file import Names

_TEXT_FILES = frozenset({".sql", ".yml", ".yaml", ".md", ".py", ".csv"})


@dataclass(frozen=True, slots=True)
class Project:
    """The graph and what is known around it; `hooks` are on-run-start and on-run-end operations.

    `manifest_hash` stands for everything that makes the manifest: files, variables, environment, versions; `warnings` are about
    check files.
    """

    graph: AssetGraph
    graph_hash: str
    manifest_hash: str
    name: str
    dbt_version: str
    hooks: tuple[AssetKey, ...]
    reparsed: bool
    warnings: tuple[str, ...] = ()


def load_project(settings: Settings, gateway: DbtGateway) -> Project:
    """Return the project; dbt is imported only where a file, a variable or the target changed.

    Raises ProjectError with dbt's own message, or Problems listing everything wrong with the graph.
    """
    settings.work.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.work / "parse.lock"):
        with _no_collector():
            cache = _read_cache(settings.work / "graph.json")
            stamp = Stamp(settings, cache.get("stamp") or {})
            if cache and stamp.unchanged_dbt() and stamp.unchanged_ingest():
                with suppress(ValueError, KeyError, TypeError):
                    return _project(decode_graph(cache["graph"]), cache, reparsed=False)
        kept = _kept_manifest(settings) if stamp.unchanged_dbt() else None
        if kept is None:
            _parse(settings, gateway)
        return _assemble(settings, stamp, kept)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Reading the cache makes a hundred thousand objects that all stay: looking for garbage among them doubles the time."""
    usual = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # out of the collector's sight until the process ends, where the command line thaws it
        if usual:
            gc.enable()


def _kept_manifest(settings: Settings) -> Mapping[str, Any] | None:
    """Return the manifest that an earlier run left; one that is missing, damaged or of another version is made anew."""
    with suppress(ProjectError):
        return load_manifest(settings.work / "manifest.json")
    return None


def load_manifest(path: Path) -> Mapping[str, Any]:
    """Read a manifest. Raises ProjectError for a file that is none, or of a version dbt would not compare with either."""
    from penstock.parser.manifest import read_manifest

    return read_manifest(read_source(path), os.path.relpath(path))


def _parse(settings: Settings, gateway: DbtGateway) -> None:
    """Let dbt parse; where it stumbles over a file that is not text, say which: dbt's own error does not."""
    try:
        gateway.parse()
    except UnicodeDecodeError:
        for file in dbt_files(settings):
            if Path(file.path).suffix in _TEXT_FILES:
                read_source(Path(file.path))
        raise


def _assemble(settings: Settings, stamp: Stamp, kept: Mapping[str, Any] | None) -> Project:
    from penstock.app.check_files import add_checks
    from penstock.app.compiled import CompiledQueries
    from penstock.app.ingest_names import ingest_names
    from penstock.graph.assemble import assemble
    from penstock.parser.manifest import Context, parse_manifest

    raw = load_manifest(settings.work / "manifest.json") if kept is None else kept
    target = f"{settings.profile.name}:{settings.profile.schema}"
    manifest = parse_manifest(raw, Context(_all_vars(settings), settings.env, target, settings.profile.session, stamp.project_files()))
    names = ingest_names(settings, manifest)
    graph = assemble(manifest, list(_read_ingests(settings, names)), settings.profile.database)
    graph, warnings = add_checks(settings, manifest.project, graph, names, [file.name for file in check_files(settings)])
    cache: dict[str, Any] = {
        "stamp": stamp.taken(),
        "graph": encode_graph(graph),
        "name": manifest.project,
        "dbt_version": manifest.dbt_version,
        "hooks": list(manifest.hooks),
        "warnings": warnings,
    }
    queries = CompiledQueries(settings.work / "compiled.json")
    queries.add({graph[key].fingerprint: sql for key, sql in manifest.rendered.items()})
    queries.save({asset.fingerprint for asset in graph.assets})
    cache["graph_hash"] = digest(json.dumps(cache["graph"], sort_keys=True, default=str))
    write_atomically(settings.work / "graph.json", json.dumps(cache, separators=(",", ":"), default=str))
    return _project(graph, cache, reparsed=kept is None)


def _project(graph: AssetGraph, cache: Mapping[str, Any], *, reparsed: bool) -> Project:
    return Project(
        graph, cache["graph_hash"], cache["stamp"]["dbt"], cache["name"], cache["dbt_version"], tuple(cache["hooks"]), reparsed,
        tuple(cache["warnings"]),
    )  # fmt: skip


def _read_ingests(settings: Settings, names: Names) -> Iterator[IngestFile]:
    """Parse every ingestion file of the project, in the order of their paths."""
    from penstock.parser.ingest import parse_ingest

    for file in ingest_files(settings):
        try:
            yield _checked_names(settings, parse_ingest(file.name, read_source(Path(file.path)), names))
        except ProjectError as error:
            yield dataclasses.replace(parse_ingest(file.name, "", names), error=error)


def _checked_names(settings: Settings, file: IngestFile) -> IngestFile:
    """Fail a file that names an attachment or an extension which `penstock.yml` does not list."""
    for key, known in (("attach", set(settings.file.attach)), ("extensions", set(settings.file.extensions))):
        unknown = sorted(set(getattr(file.header, key)) - known)
        if unknown and file.error is None:
            hint = f"Add it under `{key}:` there."
            error = ParseError(f"`{key}: {unknown[0]}` is not in penstock.yml", at=Location(file.path), hint=hint)
            return dataclasses.replace(file, error=error)
    return file


def _all_vars(settings: Settings) -> dict[str, Any]:
    """Map each variable's name to every value it has anywhere: scopes are not resolved, only watched."""
    found: dict[str, list[Any]] = {}
    for declared in (settings.dbt.vars, *_package_vars(settings)):
        for name, value in declared.items():
            found.setdefault(str(name), []).append(value)
            if isinstance(value, Mapping):
                for inner, nested in value.items():
                    found.setdefault(str(inner), []).append(nested)
    for name, value in settings.place.vars.items():
        found.setdefault(str(name), []).append({"command line": value})
    return dict(found)


def _package_vars(settings: Settings) -> Iterator[Mapping[str, Any]]:
    for package in packages(settings):
        path = package / "dbt_project.yml"
        if path.is_file():
            with suppress(ProjectError):
                found = load_dbt_yaml(read_source(path), str(path)).get("vars")
                yield found if isinstance(found, dict) else {}


def _read_cache(path: Path) -> dict[str, Any]:
    try:
        cache = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return cache if isinstance(cache, dict) else {}
