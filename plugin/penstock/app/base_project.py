"""The base that a project is compared with: a commit, a manifest, or this project for another target."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from penstock.app.atomic import write_atomically
from penstock.app.compiled import CompiledQueries
from penstock.app.gateway import DbtGateway
from penstock.app.history import definitions_of
from penstock.app.project import Project, load_manifest, load_project
from penstock.app.runs import penstock_version
from penstock.app.settings import Settings, discover
from penstock.app.side_queries import QUERIES_FILE, Queries, Show, compiled, read_json
from penstock.app.worktree import changed_lines, commit_of, default_base, repository_of, worktree
from penstock.assets.asset import Kind
from penstock.assets.definition import Definitions
from penstock.assets.fingerprint import digest, fingerprint
from penstock.assets.names import AssetKey
from penstock.errors import ConfigError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.codec import decode_graph, encode_graph

CACHE_VERSION = 1
_GRAPH = "base.json"
_PACKAGE_FILES = ("packages.yml", "dependencies.yml", "package-lock.yml")
_MOST_BASES = 8
"""Commits that are kept parsed; the oldest are forgotten first."""


@dataclasses.dataclass(frozen=True)
class Base:
    """The base's graph, what dbt compares of it, and a way to its compiled queries, with the reasons why some are not there.

    `moved_place`: it belongs to another target, so that where relations stand does not count. `lines` are the first changed lines
    of files, by path from the project.
    """

    name: str
    settings: Settings
    graph: AssetGraph
    definitions: Definitions
    queries: Callable[[Collection[AssetKey]], tuple[Queries, dict[AssetKey, str]]]
    moved_place: bool = False
    problems: tuple[str, ...] = ()
    lines: Mapping[str, int] = dataclasses.field(default_factory=dict)


@contextmanager
def open_base(settings: Settings, head: Project, base: str, target: str, show: Show) -> Iterator[Base]:
    """Read the base. Raises ConfigError for an unknown one, and what reading a project raises."""
    manifest = Path(base)
    if base and (manifest.suffix == ".json" or manifest.is_file()):
        yield _from_manifest(settings, head, manifest, target)
    elif target and not base:
        yield from _from_target(settings, target, show)
    else:
        with ExitStack() as stack:
            yield _from_commit(settings, base, target, show, stack)


def settings_of_target(settings: Settings, target: str) -> Settings:
    """Return the settings of another target of this project, those given where none is named."""
    if not target:
        return settings
    place = dataclasses.replace(
        settings.place, target=target, project_dir=str(settings.project_dir), profiles_dir=str(settings.profiles_dir)
    )
    return discover(place, settings.root, settings.env)


def _from_manifest(settings: Settings, head: Project, path: Path, target: str) -> Base:
    """Read a manifest; what dbt does not know of, ingestion files and checks, is taken to be as it is here."""
    from penstock.graph.assemble import assemble
    from penstock.parser.manifest import Context, parse_manifest

    if not path.is_file():
        raise ConfigError(f"there is no file {path}", hint="Give a manifest.json, or a git ref.")
    raw = load_manifest(path)
    own = settings_of_target(settings, target)
    parsed = parse_manifest(raw, Context(env=settings.env, target=f"{own.profile.name}:{own.profile.schema}", session=own.profile.session))
    graph = assemble(parsed, [], own.profile.database)
    kept = {asset.key: asset for asset in head.graph.assets if asset.ingest is not None or asset.kind is Kind.CHECK}
    known = {asset.key: asset for asset in graph.assets} | kept
    edges = [*graph.edges(), *(edge for edge in head.graph.edges() if edge[1] in kept)]
    texts = {uid: str(node["compiled_code"]) for uid, node in raw["nodes"].items() if node.get("compiled_code")}

    def queries(keys: Collection[AssetKey]) -> tuple[Queries, dict[AssetKey, str]]:
        found = {key: sql for key, sql in {**parsed.rendered, **texts}.items() if key in keys}
        return found, {key: "the manifest holds no compiled code; make it with `dbt compile`" for key in keys if key not in found}

    whole = AssetGraph(known.values(), [edge for edge in edges if edge[0] in known and edge[1] in known])
    return Base(os.path.relpath(path), own, whole, definitions_of(settings, head, path), queries, moved_place=True)


def _from_target(settings: Settings, target: str, show: Show) -> Iterator[Base]:
    other = settings_of_target(settings, target)
    other = dataclasses.replace(other, work=settings.work / "bases" / f"target-{digest(target)[:12]}")
    gateway = DbtGateway(other, show, full_refresh=True)
    try:
        project = load_project(other, gateway)
        queries = CompiledQueries(other.work / "compiled.json", gateway)
        yield Base(
            f"target {other.profile.name}", other, project.graph, definitions_of(other, project),
            lambda keys: compiled(project.graph, queries, gateway, keys), moved_place=True,
        )  # fmt: skip
    finally:
        gateway.close()


def _from_commit(settings: Settings, base: str, target: str, show: Show, stack: ExitStack) -> Base:
    repository = repository_of(settings.project_dir)
    ref = base or default_base(repository)
    commit = commit_of(repository, ref)
    wanted = settings_of_target(settings, target)
    folder = settings.work / "bases" / f"{commit[:12]}-{_stamp(wanted, repository)[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    stack.enter_context(FileLock(f"{folder}.lock"))
    there = _There(wanted, repository, commit, folder, show, stack)
    graph = there.graph()
    project = dataclasses.replace(_NOTHING_KNOWN, graph=graph, dbt_version=there.dbt_version)
    name = ref if commit.startswith(ref) else f"{ref} ({commit[:8]})"
    own = dataclasses.replace(wanted, work=folder)
    return Base(
        name, own, graph, definitions_of(own, project), there.queries, moved_place=bool(target), problems=there.problems,
        lines=changed_lines(settings.project_dir, commit),
    )  # fmt: skip


_NOTHING_KNOWN = Project(AssetGraph((), ()), "", "", "", "", (), reparsed=False)


class _There:
    """A commit's project: from the cache, or from a worktree that is made when something is missing there."""

    def __init__(self, wanted: Settings, repository: Path, commit: str, folder: Path, show: Show, stack: ExitStack) -> None:
        self._wanted, self._repository, self._commit, self._folder = wanted, repository, commit, folder
        self._show, self._stack = show, stack
        self._opened: tuple[Project, DbtGateway] | None = None
        self._other_packages: list[str] = []
        self._cache = read_json(folder / _GRAPH)

    @property
    def problems(self) -> tuple[str, ...]:
        """What may be otherwise than it was with that commit."""
        return tuple(self._cache.get("problems") or ())

    @property
    def dbt_version(self) -> str:
        """The version of dbt that parsed it."""
        return str(self._cache.get("dbt_version") or "")

    def graph(self) -> AssetGraph:
        """Return the graph, parsing where it is not cached for this environment."""
        env = self._cache.get("env") or {}
        if self._cache.get("version") == CACHE_VERSION and all(
            digest(self._wanted.env.get(name, "\0")) == found for name, found in env.items()
        ):
            with suppress(ValueError, KeyError, TypeError):
                return decode_graph(self._cache["graph"])
        project = self._open()[0]
        names = read_json(self._folder / "graph.json").get("stamp", {}).get("env") or ()
        self._cache = {
            "version": CACHE_VERSION,
            "graph": encode_graph(project.graph),
            "dbt_version": project.dbt_version,
            "problems": self._other_packages,
            "env": {name: digest(self._wanted.env.get(name, "\0")) for name in names},
        }
        write_atomically(self._folder / _GRAPH, json.dumps(self._cache, separators=(",", ":"), default=str))
        (self._folder / QUERIES_FILE).unlink(missing_ok=True)
        _forget_oldest(self._folder.parent)
        return project.graph

    def queries(self, keys: Collection[AssetKey]) -> tuple[Queries, dict[AssetKey, str]]:
        """Return compiled queries, and why some cannot be had."""
        kept = {key: str(sql) for key, sql in read_json(self._folder / QUERIES_FILE).items()}
        missing = [key for key in keys if key not in kept]
        if not missing:
            return {key: kept[key] for key in keys}, {}
        project, gateway = self._open()
        found, failed = compiled(project.graph, CompiledQueries(self._folder / "compiled.json", gateway), gateway, missing)
        lasting = {key: sql for key, sql in found.items() if not project.graph[key].recompile}
        write_atomically(self._folder / QUERIES_FILE, json.dumps({**kept, **lasting}))
        return {key: sql for key, sql in {**kept, **found}.items() if key in keys}, failed

    def _open(self) -> tuple[Project, DbtGateway]:
        if self._opened is None:
            place = self._stack.enter_context(worktree(self._repository, self._commit, self._folder.parent.parent / "worktrees"))
            settings = self._settings(place)
            self._link_packages(settings)
            gateway = DbtGateway(settings, self._show, full_refresh=True)
            self._stack.callback(gateway.close)
            self._opened = load_project(settings, gateway), gateway
        return self._opened

    def _settings(self, place: Path) -> Settings:
        inside = self._wanted.project_dir.resolve().relative_to(self._repository.resolve())
        project_dir = place / inside
        if not (project_dir / "dbt_project.yml").is_file():
            raise ConfigError(f"commit {self._commit[:12]} has no dbt project in {inside}", hint="Name a later commit.")
        where = dataclasses.replace(
            self._wanted.place, project_dir=str(project_dir), profiles_dir=str(self._wanted.profiles_dir),
            profile=self._wanted.profile.profile, target=self._wanted.profile.name,
        )  # fmt: skip
        found = discover(where, project_dir, self._wanted.env)
        return dataclasses.replace(found, work=self._folder)

    def _link_packages(self, settings: Settings) -> None:
        """Lend the packages that are installed here: git does not keep them."""
        here = self._wanted.project_dir / self._wanted.dbt.packages_path
        there = settings.project_dir / settings.dbt.packages_path
        if here.is_dir() and not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(here, target_is_directory=True)
        if any(_bytes(self._wanted.project_dir / name) != _bytes(settings.project_dir / name) for name in _PACKAGE_FILES):
            self._other_packages = ["packages differ: the base was read with those that are installed now"]


def _forget_oldest(bases: Path) -> None:
    kept = sorted(bases.glob(f"*/{_GRAPH}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in kept[_MOST_BASES:]:
        with suppress(Timeout), FileLock(f"{path.parent}.lock", timeout=0):
            shutil.rmtree(path.parent, ignore_errors=True)
            Path(f"{path.parent}.lock").unlink(missing_ok=True)


def _stamp(settings: Settings, repository: Path) -> str:
    """Return what makes a commit's graph beside its files and the environment."""
    profile = settings.profile
    return fingerprint({
        "profile": [profile.profile, profile.name, profile.schema, profile.database, profile.session],
        "vars": dict(settings.place.vars),
        "project": os.path.relpath(settings.project_dir, repository),
        "packages": [digest(_bytes(settings.project_dir / name).decode("utf-8", "replace")) for name in _PACKAGE_FILES],
        "versions": [penstock_version(), CACHE_VERSION],
    })  # fmt: skip


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
