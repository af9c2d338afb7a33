"""`penstock.yml`: the one optional configuration file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from penstock.assets.limits import NO_LIMITS, Limits, read_limits
from penstock.assets.monitors import Monitor, read_monitors
from penstock.errors import Location, ParseError, PenstockError, Problems, raise_all
from penstock.parser.ci_rules import CiSettings
from penstock.parser.models import FileModel, key_lines, validate
from penstock.parser.yaml12 import load_yaml


class Attachment(FileModel):
    """A database that ingestion files may read; the path may hold `env_var()`."""

    path: str
    type: str = "duckdb"
    read_only: bool = True


class Defaults(FileModel):
    """Values for assets that say nothing themselves."""

    executor: str = Field(default="auto", pattern="^(auto|native|dbt)$")
    retries: dict[str, Any] = Field(default_factory=dict, description="when a failed attempt is followed by another")
    timeout: str = Field(default="", description="how long one attempt may take")

    def limits(self, at: Location) -> Limits:
        """Return what `retries` and `timeout` say. Raises ConfigError, or Problems, at that place for what cannot be understood."""
        return read_limits({"retries": self.retries, "timeout": self.timeout}, NO_LIMITS, (), at)


Slots = Annotated[int, Field(ge=1, strict=True)]


class Evidence(FileModel):
    """How inputs are judged that Penstock does not build."""

    content_rows: int = Field(default=100_000_000, ge=0, description="sources with more rows are judged by their load times")
    files: Literal["listing", "content"] = Field(default="listing", description="name, size and time of files, or all they hold")


class ProjectFile(FileModel):
    """`penstock.yml`; every key is optional, folders are relative to the file."""

    dbt_project: str = Field(default="", description="folder of dbt_project.yml")
    profiles_dir: str = Field(default="", description="folder of profiles.yml")
    target: str = Field(default="", description="the profile's target")
    ingest: str = Field(default="ingest", description="folder of ingestion files")
    checks: str = Field(default="checks", description="folder of checks")
    state_schema: str = Field(default="penstock", min_length=1, description="schema of the state tables")
    attach: dict[str, Attachment] = Field(default_factory=dict, description="databases that ingestion files may read")
    extensions: list[str] = Field(default_factory=list, description="DuckDB extensions that ingestion files may load")
    evidence: Evidence = Field(default_factory=Evidence, description="how inputs are judged that Penstock does not build")
    defer_target: str = Field(default="prod", description="target that --defer reads from")
    pools: dict[str, Slots] = Field(default_factory=dict, description="how many assets of a pool may run at once, by its name")
    defaults: Defaults = Field(default_factory=Defaults, description="values for assets that say nothing themselves")
    ci: CiSettings = Field(default_factory=CiSettings, description="what `penstock ci` holds a pull request to")
    metrics: Literal["off", "light", "full"] = Field(default="light", description="what builds measure of the rows they write")
    monitors: dict[str, Any] = Field(default_factory=dict, description="ready-made checks: dbt selection -> list of one-liners")

    def ready_made(self, at: Location) -> dict[str, tuple[Monitor, ...]]:
        """Return the ready-made checks by what they select. Raises ConfigError, or Problems, at that place."""
        found: dict[str, tuple[Monitor, ...]] = {}
        problems: list[PenstockError] = []
        for selection, said in self.monitors.items():
            try:
                found[selection] = read_monitors(said, at)
            except Problems as several:
                problems += several.problems
            except PenstockError as error:
                problems.append(error)
        raise_all(problems)
        return found


TARGET_SLOT = "\0target\0"
"""Stands in `state_schema` for the target's name, which is known only after the file is read."""

_TARGET = re.compile(r"\{\{\s*target\.name\s*\}\}")
_ENV_VAR = re.compile(r"\{\{\s*env_var\(\s*(['\"])(?P<name>\w+)\1\s*(?:,\s*(['\"])(?P<default>[^'\"]*)\3\s*)?\)\s*\}\}")


def read_project_file(text: str, file: str, env: Mapping[str, str] | None = None) -> ProjectFile:
    """Read `penstock.yml`. Raises ParseError or ConfigError (or Problems) naming file, line and key."""
    raw = load_yaml(text, file)
    if isinstance(raw, dict) and isinstance(raw.get("state_schema"), str):
        raw["state_schema"] = _TARGET.sub(TARGET_SLOT, raw["state_schema"])
    lines = key_lines(text)
    found = validate(ProjectFile, _render(raw, file, os.environ if env is None else env), file, lines)
    found.defaults.limits(Location(file, lines.get("defaults", 0)))
    found.ready_made(Location(file, lines.get("monitors", 0)))
    return found


def _render(value: Any, file: str, env: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _render(item, file, env) for key, item in value.items()}
    if isinstance(value, list):
        return [_render(item, file, env) for item in value]
    if not isinstance(value, str) or "{{" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        found = env.get(match["name"], match["default"])
        if found is None:
            raise ParseError(
                f"the environment variable {match['name']} is not set",
                at=Location(file),
                hint="Set it, or give a default: env_var('NAME', 'default').",
            )
        return found

    rendered = _ENV_VAR.sub(replace, value)
    if "{{" in rendered:
        raise ParseError(f"only env_var() can be used here, found `{value}`", at=Location(file))
    return rendered
