"""From command line, environment and files to one settings value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, Location, PenstockError, ProjectError
from penstock.parser.profile import DbtProjectFile, ProfileTarget, read_dbt_project, read_profile
from penstock.parser.project_file import TARGET_SLOT, ProjectFile, read_project_file

PROJECT_FILE = "penstock.yml"
DBT_PROJECT_FILE = "dbt_project.yml"
_UNSUPPORTED_ENV = ("EMPTY", "SAMPLE", "EVENT_TIME_START", "EVENT_TIME_END", "DEFER", "DEFER_STATE", "FAVOR_STATE")


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are, as the command line says; None and empty mean: look for it."""

    project_dir: str = ""
    profiles_dir: str = ""
    profile: str = ""
    target: str = ""
    target_path: str = ""
    vars: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a use case needs to know of the project.

    `root` is the folder against which ingestion files and their paths resolve; `work` is Penstock's own folder under
    the target folder.
    """

    root: Path
    project_dir: Path
    profiles_dir: Path
    work: Path
    dbt: DbtProjectFile
    profile: ProfileTarget
    file: ProjectFile
    place: Place
    threads: int
    env: Mapping[str, str]

    @property
    def database_path(self) -> Path:
        """The database file; a relative path is relative to the current folder, as in dbt-duckdb."""
        return Path(self.profile.path).absolute()

    @property
    def project_files(self) -> tuple[Path, ...]:
        """`dbt_project.yml`, `profiles.yml` and, where there is one, `penstock.yml`."""
        return (self.project_dir / DBT_PROJECT_FILE, self.profiles_dir / "profiles.yml", self.root / PROJECT_FILE)


def discover(place: Place, folder: Path, env: Mapping[str, str]) -> Settings:
    """Find the project around `folder` and read its configuration.

    Raises ConfigError or ProjectError naming file, line and remedy.
    """
    _refuse_environment(env)
    project_dir = _find_project(place, folder, env)
    file_path = _find_project_file(project_dir)
    file = read_project_file(read_text(file_path), _shown(file_path, folder), env) if file_path else ProjectFile()
    project_path = project_dir / DBT_PROJECT_FILE
    dbt = read_dbt_project(read_text(project_path), _shown(project_path, folder), env)
    root = file_path.parent if file_path else project_dir
    profiles_dir = _find_profiles(place, file, root, project_dir, folder, env)
    profile_path = profiles_dir / "profiles.yml"
    target = place.target or file.target or env.get("DBT_TARGET") or None
    profile_name = place.profile or env.get("DBT_PROFILE") or dbt.profile
    try:
        profile = read_profile(read_text(profile_path), str(profile_path), profile_name, target, env, place.vars)
    except PenstockError as error:
        error.at = Location(_shown(profile_path, folder), error.at.line if error.at else 0)
        raise
    _refuse_unsupported(profile, profile_path, folder)
    target_path = Path(place.target_path or env.get("DBT_TARGET_PATH") or dbt.target_path)
    return Settings(
        root=root,
        project_dir=project_dir,
        profiles_dir=profiles_dir,
        work=(project_dir / target_path) / "penstock",
        dbt=dbt,
        profile=profile,
        file=file.model_copy(update={"state_schema": file.state_schema.replace(TARGET_SLOT, profile.name)}),
        place=place,
        threads=place.threads or profile.threads,
        env=env,
    )


def _refuse_environment(env: Mapping[str, str]) -> None:
    """Refuse what would make dbt build something else than the record says."""
    for name in _UNSUPPORTED_ENV:
        for variable in (f"DBT_{name}", f"DBT_ENGINE_{name}"):
            if env.get(variable, "").lower() not in ("", "0", "false", "no", "off", "f", "n"):
                raise ConfigError(
                    f"{variable} is set: this version does not know what `--{name.lower().replace('_', '-')}` means",
                    hint=f"Unset {variable}.",
                )


def _find_project(place: Place, folder: Path, env: Mapping[str, str]) -> Path:
    named = place.project_dir or env.get("DBT_PROJECT_DIR", "")
    if named:
        path = (folder / named).absolute()
        if not (path / DBT_PROJECT_FILE).is_file():
            raise ProjectError(f"there is no {DBT_PROJECT_FILE} in {named}", hint="Check --project-dir.")
        return path
    if (folder / DBT_PROJECT_FILE).is_file():
        return folder.absolute()
    own = folder / PROJECT_FILE
    if own.is_file():
        file = read_project_file(read_text(own), PROJECT_FILE, env)
        if file.dbt_project:
            path = (folder / file.dbt_project).absolute()
            if not (path / DBT_PROJECT_FILE).is_file():
                raise ConfigError(f"`dbt_project: {file.dbt_project}` holds no {DBT_PROJECT_FILE}", at=Location(PROJECT_FILE))
            return path
    if (folder / "dbt_project" / DBT_PROJECT_FILE).is_file():
        return (folder / "dbt_project").absolute()
    raise ProjectError(
        "there is no dbt project here", hint="Go to a folder with dbt_project.yml, or try the demo: penstock init --demo shop"
    )


def _find_project_file(project_dir: Path) -> Path | None:
    """Look beside `dbt_project.yml` and in its parents up to the repository's root (without a repository: one up)."""
    parents = [project_dir, *project_dir.parents]
    root = next((number for number, parent in enumerate(parents) if (parent / ".git").exists()), 1)
    for parent in parents[: root + 1]:
        if (parent / PROJECT_FILE).is_file():
            return parent / PROJECT_FILE
    return None


def _find_profiles(place: Place, file: ProjectFile, root: Path, project_dir: Path, folder: Path, env: Mapping[str, str]) -> Path:
    named = place.profiles_dir or env.get("DBT_PROFILES_DIR", "")
    candidates = [(folder / named).absolute()] if named else []
    if not named and file.profiles_dir:
        candidates = [(root / file.profiles_dir).absolute()]
    if not candidates:
        candidates = [folder.absolute(), project_dir, Path(env.get("HOME", "~")).expanduser() / ".dbt"]
    for candidate in candidates:
        if (candidate / "profiles.yml").is_file():
            return candidate
    raise ConfigError(
        f"there is no profiles.yml in {', '.join(dict.fromkeys(_shown(candidate, folder) for candidate in candidates))}",
        hint="Use --profiles-dir, or put profiles.yml beside dbt_project.yml.",
    )


def _refuse_unsupported(profile: ProfileTarget, path: Path, folder: Path) -> None:
    at = Location(_shown(path, folder))
    if profile.type != "duckdb":
        raise ConfigError(f"target `{profile.name}` has type `{profile.type}`; this version builds on duckdb", at=at)
    if profile.path == ":memory:":
        raise ConfigError(
            f"target `{profile.name}` is an in-memory database, which forgets all state when the process ends",
            at=at,
            hint="Set `path: some_file.duckdb` in the target.",
        )
    if "://" in profile.path or profile.path.startswith(("md:", "motherduck:", "ducklake:")) or profile.raw.get("remote"):
        raise ConfigError(f"target `{profile.name}` is not a local database file", at=at, hint="Use a target with a file `path`.")


def read_text(path: Path) -> str:
    """Return a configuration file's text. Raises ConfigError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError("this file is not UTF-8 text", at=Location(str(path))) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", at=Location(str(path)), hint="Check the file's permissions.") from error


def _shown(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)
