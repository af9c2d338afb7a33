"""The project's graph: from the cache while nothing changed, else from dbt's manifest and the ingestion files."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock

from penstock.app.atomic import write_atomically
from penstock.app.settings import Settings
from penstock.assets.fingerprint import digest, fingerprint
from penstock.assets.names import AssetKey
from penstock.errors import Location, ParseError, ProjectError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.codec import decode_graph, encode_graph
from penstock.parser.profile import load_dbt_yaml

if TYPE_CHECKING:
    from penstock.app.gateway import DbtGateway
    from penstock.parser.ingest import IngestFile
    from penstock.parser.manifest import ParsedManifest

_EXTRA_FILES = ("packages.yml", "dependencies.yml", "package-lock.yml")
_ENV_VAR = re.compile(r"env_var\s*\(\s*['\"](\w+)['\"]")
_TEXT_FILES = frozenset({".sql", ".yml", ".yaml", ".md", ".py", ".csv"})
_NEVER_READ = frozenset({".git", ".venv", "__pycache__"})
_RACY_NS = 2_000_000_000
"""A file changed this shortly before its stamp was taken may change again without a new time: it is always hashed."""


@dataclass(frozen=True, slots=True)
class Project:
    """The graph and what is known around it; `hooks` are on-run-start and on-run-end operations.

    `manifest_hash` stands for everything that makes the manifest: files, variables, environment, versions.
    """

    graph: AssetGraph
    graph_hash: str
    manifest_hash: str
    name: str
    dbt_version: str
    hooks: tuple[AssetKey, ...]
    reparsed: bool


def load_project(settings: Settings, gateway: DbtGateway) -> Project:
    """Return the project; dbt is imported only where a file, a variable or the target changed.

    Raises ProjectError with dbt's own message, or Problems listing everything wrong with the graph.
    """
    settings.work.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.work / "parse.lock"):
        with _no_collector():
            cache = _read_cache(settings.work / "graph.json")
            stamp = _Stamp(settings, cache.get("stamp") or {})
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

    return read_manifest(_text(path), os.path.relpath(path))


def _parse(settings: Settings, gateway: DbtGateway) -> None:
    """Let dbt parse; where it stumbles over a file that is not text, say which: dbt's own error does not."""
    try:
        gateway.parse()
    except UnicodeDecodeError:
        for file in _dbt_files(settings):
            if Path(file.path).suffix in _TEXT_FILES:
                _text(Path(file.path))
        raise


def _assemble(settings: Settings, stamp: _Stamp, kept: Mapping[str, Any] | None) -> Project:
    from penstock.app.compiled import CompiledQueries
    from penstock.graph.assemble import assemble
    from penstock.parser.manifest import Context, parse_manifest

    raw = load_manifest(settings.work / "manifest.json") if kept is None else kept
    target = f"{settings.profile.name}:{settings.profile.schema}"
    manifest = parse_manifest(raw, Context(_all_vars(settings), settings.env, target, settings.profile.session, stamp.project_files()))
    graph = assemble(manifest, list(read_ingests(settings, manifest)), settings.profile.database)
    cache: dict[str, Any] = {
        "stamp": stamp.taken(),
        "graph": encode_graph(graph),
        "name": manifest.project,
        "dbt_version": manifest.dbt_version,
        "hooks": list(manifest.hooks),
    }
    queries = CompiledQueries(settings.work / "compiled.json")
    queries.add({graph[key].fingerprint: sql for key, sql in manifest.rendered.items()})
    queries.save({asset.fingerprint for asset in graph.assets})
    cache["graph_hash"] = digest(json.dumps(cache["graph"], sort_keys=True, default=str))
    write_atomically(settings.work / "graph.json", json.dumps(cache, separators=(",", ":"), default=str))
    return _project(graph, cache, reparsed=kept is None)


def _project(graph: AssetGraph, cache: Mapping[str, Any], *, reparsed: bool) -> Project:
    return Project(graph, cache["graph_hash"], cache["stamp"]["dbt"], cache["name"], cache["dbt_version"], tuple(cache["hooks"]), reparsed)


def read_ingests(settings: Settings, manifest: ParsedManifest) -> Iterator[IngestFile]:
    """Parse every ingestion file of the project, in the order of their paths."""
    from penstock.app.ingest_names import ingest_names
    from penstock.parser.ingest import parse_ingest

    names = ingest_names(settings, manifest)
    for file in _ingest_files(settings):
        try:
            yield _checked_names(settings, parse_ingest(file.name, _text(Path(file.path)), names))
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
    for package in _packages(settings):
        path = package / "dbt_project.yml"
        if path.is_file():
            with suppress(ProjectError):
                found = load_dbt_yaml(_text(path), str(path)).get("vars")
                yield found if isinstance(found, dict) else {}


def _read_cache(path: Path) -> dict[str, Any]:
    try:
        cache = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return cache if isinstance(cache, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        at = Location(os.path.relpath(path), line)
        raise ProjectError("this file is not UTF-8 text", at=at, hint="Save it with the encoding UTF-8.") from error
    except OSError as error:
        raise _unreadable(path, error) from error


class _Stamp:
    """Whether the files, variables and names that make the graph are the same as when it was cached.

    A file counts as unchanged when size and time are; where they differ, its content decides.
    """

    def __init__(self, settings: Settings, known: Mapping[str, Any]) -> None:
        self._known = known
        self._stats: dict[str, list[Any]] = {}
        self._texts_changed = False
        self._settings = settings
        self._dbt: dict[str, str] = {}
        self._ingest: dict[str, str] = {}
        for file in _dbt_files(settings):
            if file.name not in self._dbt:
                self._dbt[file.name] = self._digest(file)
        for file in _ingest_files(settings):
            try:
                self._ingest[file.name] = self._digest(file)
            except ProjectError as error:  # fails itself and its readers when it is read, not the graph
                self._ingest[file.name] = error.message
        self._env = {name: digest(settings.env.get(name, "\0")) for name in self._env_names()}

    def unchanged_dbt(self) -> bool:
        """Whether dbt would make the same manifest."""
        return bool(self._known) and self._known.get("dbt") == fingerprint(self._dbt_key())

    def unchanged_ingest(self) -> bool:
        """Whether the ingestion files are the same."""
        return self._known.get("ingest") == fingerprint(self._ingest)

    def project_files(self) -> dict[str, str]:
        """Return the content hash of each of dbt's files, by path relative to the project and, in packages, to the package."""
        packages = Path(self._settings.dbt.packages_path)
        found: dict[str, str] = {}
        for name, content in self._dbt.items():
            path = Path(os.path.relpath(self._settings.root / name, self._settings.project_dir))
            if path.is_relative_to(packages):
                path = Path(*path.parts[len(packages.parts) + 1 :])
            found[path.as_posix()] = found.get(path.as_posix(), "") + content  # a package's file may have the same path
        return found

    def taken(self) -> dict[str, Any]:
        """Return what to keep beside the graph."""
        return {"dbt": fingerprint(self._dbt_key()), "ingest": fingerprint(self._ingest), "env": sorted(self._env), "files": self._stats}

    def _dbt_key(self) -> dict[str, Any]:
        place = self._settings.place
        return {
            "files": self._dbt,
            "env": self._env,
            "vars": dict(place.vars),
            "profile": [self._settings.profile.profile, self._settings.profile.name, self._settings.profile.session],
            "file": self._settings.file.model_dump(mode="json"),
            "versions": [_version(name) for name in ("dbt-core", "dbt-duckdb", "penstock")],
        }

    def _digest(self, file: _File) -> str:
        stat = file.stat
        known = (self._known.get("files") or {}).get(file.name)
        if known and known[:2] == [stat.st_size, stat.st_mtime_ns] and known[3] - stat.st_mtime_ns > _RACY_NS:
            self._stats[file.name] = known
            return str(known[2])
        path = Path(file.path)
        content = _bytes(path)
        found = sha256(content).hexdigest()[:32]
        names = sorted(set(_ENV_VAR.findall(content.decode("utf-8", "replace"))))
        self._stats[file.name] = [stat.st_size, stat.st_mtime_ns, found, _now_ns(path), names]
        return found

    def _env_names(self) -> Iterable[str]:
        return sorted({name for stat in self._stats.values() for name in stat[4]})


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ProjectError:
    return ProjectError(f"cannot be read: {error.strerror}", at=Location(os.path.relpath(path)), hint="Check the file's permissions.")


def _now_ns(path: Path) -> int:
    """Return the file system's own idea of now: the time of a file just touched, so that two clocks are never compared."""
    import time

    return max(time.time_ns(), path.stat().st_mtime_ns)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


class _File(NamedTuple):
    """A file that was found: its path relative to the project's root, and as it can be opened."""

    name: str
    path: str
    stat: os.stat_result


def _dbt_files(settings: Settings) -> Iterator[_File]:
    """Yield every file that dbt reads; one that lies under two of its paths comes twice."""
    for path in (*settings.project_files, *(settings.project_dir / name for name in _EXTRA_FILES)):
        if path.is_file():
            yield _File(os.path.relpath(path, settings.root), str(path), path.stat())
    for folder in settings.dbt.paths:
        yield from _files(settings, settings.project_dir / folder)
    for package in _packages(settings):
        yield from _files(settings, package, whole=True)


def _ingest_files(settings: Settings) -> Iterator[_File]:
    return (file for file in _files(settings, settings.root / settings.file.ingest, whole=True) if Path(file.name).suffix == ".sql")


def _packages(settings: Settings) -> list[Path]:
    """Return the installed packages; `dbt deps` makes a link for each local one."""
    folder = settings.project_dir / settings.dbt.packages_path
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _files(settings: Settings, folder: Path, *, whole: bool = False) -> Iterator[_File]:
    """Yield the regular files under a folder, those of each folder sorted; unless it counts as a `whole`, the target folder is left out."""
    leave = "" if whole else str(settings.work.parent)
    name = os.path.relpath(folder, settings.root)
    return _walk(str(folder), "" if name == "." else f"{name}/", leave)


def _walk(folder: str, prefix: str, leave: str) -> Iterator[_File]:
    """Links to folders are not followed, as in dbt; a folder that cannot be read has no files."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_file(follow_symlinks=False) or (entry.is_symlink() and Path(entry.path).is_file()):
            yield _File(prefix + entry.name, entry.path, entry.stat())
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and entry.name not in _NEVER_READ and entry.path != leave:
            yield from _walk(entry.path, f"{prefix}{entry.name}/", leave)
