"""A throw-away place for the builds of `ci`: a database file of its own, which nobody but the run itself ever sees.

On DuckDB a schema beside production's would mean to write production's file. So the throw-away schemas have a file of their
own, `penstock_ci_<run>.duckdb`, beside which production's is attached read-only: what a pull request runs cannot change it.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from penstock.app.settings import Settings, discover, read_text
from penstock.errors import ConfigError
from penstock.parser.profile import load_dbt_yaml

PREFIX = "penstock_ci_"
"""What the name of every throw-away database begins with; its run's id follows."""

_OWN_NAMES = ("ci", "pull_request")
_PROFILES_DIR = re.compile(r"flags\s*(?:\.\s*PROFILES_DIR\b|\[\s*['\"]PROFILES_DIR['\"]\s*\])")


@contextmanager
def throwaway(settings: Settings, production: Settings, run_id: str) -> Iterator[Settings]:
    """Yield the settings of a target like production's (or like the one that `--target` names) in a new database file.

    The file and everything around it are removed at the end.
    """
    folder = settings.work / "ci"
    name = f"{PREFIX}{run_id}"
    lock = FileLock(folder / f"{name}.lock")
    folder.mkdir(parents=True, exist_ok=True)
    with lock:
        place = folder / name
        place.mkdir(mode=0o700)
        try:
            yield _settings(settings, production, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)  # the name is this run's alone: nobody waits for it


def sweep(settings: Settings) -> list[str]:
    """Remove the throw-away places of runs that are no longer alive; return their names. Another run's own is left alone."""
    swept = []
    for path in sorted((settings.work / "ci").glob(f"{PREFIX}*.lock")):
        with suppress(Timeout), FileLock(path, timeout=0):
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)
            swept.append(path.stem)
    return swept


def production_of(settings: Settings, named: str) -> Settings:
    """Return the settings of production: the target that is named, else `defer_target` where the profile has it, else the target.

    Raises ConfigError where there is no such target, or it was never built.
    """
    outputs = _profile(settings)[settings.profile.profile]["outputs"]
    name = named or (settings.file.defer_target if settings.file.defer_target in outputs else settings.profile.name)
    place = dataclasses.replace(settings.place, target=name, project_dir=str(settings.project_dir), profiles_dir=str(settings.profiles_dir))
    return discover(place, settings.root, settings.env)


def require_built(production: Settings) -> None:
    """Raise ConfigError where production's database file is not at hand."""
    if not production.database_path.is_file():
        raise ConfigError(
            f"there is no database of target {production.profile.name} to defer to: {production.profile.path}",
            hint="Fetch production's file first, name its target with --defer-target, or look at the code alone with --no-build.",
        )


def _settings(settings: Settings, production: Settings, place: Path) -> Settings:
    """Write a profiles.yml with one target more, and read it back as any other."""
    like = settings.place.target if settings.place.target not in ("", production.profile.name) else ""
    target = like or next(name for name in _OWN_NAMES if name != production.profile.name)
    raw = _profile(settings)
    outputs = raw[settings.profile.profile]["outputs"]
    model = copy.deepcopy(outputs[like or production.profile.name])
    outputs[target] = _thrown_away(model, place)
    profiles = place / "profiles.yml"
    profiles.touch(mode=0o600)
    profiles.write_text(yaml.safe_dump(_anchored(raw, settings.profiles_dir), sort_keys=False), encoding="utf-8")
    wished = dataclasses.replace(
        settings.place, target=target, project_dir=str(settings.project_dir), profiles_dir=str(place), target_path=str(place / "target")
    )
    found = discover(wished, settings.root, settings.env)
    attach = {name: one.model_copy(update={"read_only": True}) for name, one in found.file.attach.items()}
    return dataclasses.replace(found, file=found.file.model_copy(update={"attach": attach}))


def _thrown_away(output: dict[str, Any], place: Path) -> dict[str, Any]:
    """Return a target's settings with a file of its own; what else it attaches can only be read."""
    output.pop("database", None)
    attached = [{**entry, "read_only": True} if isinstance(entry, dict) else entry for entry in output.get("attach") or ()]
    own = {"path": str(place / f"{place.name}.duckdb"), "external_root": str(place / "external")}
    return {**output, **own, **({"attach": attached} if attached else {})}


def _profile(settings: Settings) -> dict[str, Any]:
    return load_dbt_yaml(read_text(settings.profiles_dir / "profiles.yml"), "profiles.yml")


def _anchored(value: Any, folder: Path) -> Any:
    """Let `flags.PROFILES_DIR` mean the folder it meant in the user's own file."""
    if isinstance(value, Mapping):
        return {key: _anchored(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_anchored(item, folder) for item in value]
    return _PROFILES_DIR.sub(lambda _: json.dumps(str(folder)), value) if isinstance(value, str) else value
