"""The files that make the graph, and whether they are the same as when it was cached."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from penstock.app.settings import Settings
from penstock.assets.fingerprint import digest, fingerprint
from penstock.errors import Location, ProjectError

_EXTRA_FILES = ("packages.yml", "dependencies.yml", "package-lock.yml")
_ENV_VAR = re.compile(r"env_var\s*\(\s*['\"](\w+)['\"]")
_NEVER_READ = frozenset({".git", ".venv", "__pycache__"})
_RACY_NS = 2_000_000_000
"""A file changed this shortly before its stamp was taken may change again without a new time: it is always hashed."""


class Stamp:
    """Whether the files, variables and names that make the graph are the same as when it was cached.

    A file counts as unchanged when size and time are; where they differ, its content decides.
    """

    def __init__(self, settings: Settings, known: Mapping[str, Any]) -> None:
        self._known = known
        self._stats: dict[str, list[Any]] = {}
        self._settings = settings
        self._dbt: dict[str, str] = {}
        self._ingest: dict[str, str] = {}
        for file in dbt_files(settings):
            if file.name not in self._dbt:
                self._dbt[file.name] = self._digest(file)
        for file in (*ingest_files(settings), *check_files(settings)):
            try:
                self._ingest[file.name] = self._digest(file)
            except ProjectError as error:  # fails itself and its readers when it is read, not the graph
                self._ingest[file.name] = error.message
        self._env = {name: digest(settings.env.get(name, "\0")) for name in self._env_names()}

    def unchanged_dbt(self) -> bool:
        """Whether dbt would make the same manifest."""
        return bool(self._known) and self._known.get("dbt") == fingerprint(self._dbt_key())

    def unchanged_ingest(self) -> bool:
        """Whether the ingestion files and the checks are the same."""
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

    def _digest(self, file: ProjectPath) -> str:
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
    return max(time.time_ns(), path.stat().st_mtime_ns)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


class ProjectPath(NamedTuple):
    """A file that was found: its path relative to the project's root, and as it can be opened."""

    name: str
    path: str
    stat: os.stat_result


def dbt_files(settings: Settings) -> Iterator[ProjectPath]:
    """Yield every file that dbt reads; one that lies under two of its paths comes twice."""
    for path in (*settings.project_files, *(settings.project_dir / name for name in _EXTRA_FILES)):
        if path.is_file():
            yield ProjectPath(os.path.relpath(path, settings.root), str(path), path.stat())
    for folder in settings.dbt.paths:
        yield from _files(settings, settings.project_dir / folder)
    for package in packages(settings):
        yield from _files(settings, package, whole=True)


def ingest_files(settings: Settings) -> Iterator[ProjectPath]:
    """Yield every ingestion file."""
    return (file for file in _files(settings, settings.root / settings.file.ingest, whole=True) if Path(file.name).suffix == ".sql")


def check_files(settings: Settings) -> Iterator[ProjectPath]:
    """Yield every check file."""
    return (file for file in _files(settings, settings.root / settings.file.checks, whole=True) if Path(file.name).suffix == ".sql")


def packages(settings: Settings) -> list[Path]:
    """Return the installed packages; `dbt deps` makes a link for each local one."""
    folder = settings.project_dir / settings.dbt.packages_path
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _files(settings: Settings, folder: Path, *, whole: bool = False) -> Iterator[ProjectPath]:
    """Yield the regular files under a folder, those of each folder sorted; unless it counts as a `whole`, the target folder is left out."""
    leave = "" if whole else str(settings.work.parent)
    name = os.path.relpath(folder, settings.root)
    return _walk(str(folder), "" if name == "." else f"{name}/", leave)


def _walk(folder: str, prefix: str, leave: str) -> Iterator[ProjectPath]:
    """Links to folders are not followed, as in dbt; a folder that cannot be read has no files."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_file(follow_symlinks=False) or (entry.is_symlink() and Path(entry.path).is_file()):
            yield ProjectPath(prefix + entry.name, entry.path, entry.stat())
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and entry.name not in _NEVER_READ and entry.path != leave:
            yield from _walk(entry.path, f"{prefix}{entry.name}/", leave)


def read_source(path: Path) -> str:
    """Return a file's text. Raises ProjectError, with the line, for one that is not UTF-8 text or cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        at = Location(os.path.relpath(path), line)
        raise ProjectError("this file is not UTF-8 text", at=at, hint="Save it with the encoding UTF-8.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
