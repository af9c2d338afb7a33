"""dbt's `profiles.yml` and `dbt_project.yml`, as far as Penstock needs them without importing dbt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any
from urllib.parse import urlparse

import yaml

from penstock.assets.fingerprint import fingerprint
from penstock.errors import ConfigError, Location, ProjectError
from penstock.parser.models import key_lines

NATIVE_KEYS = frozenset(
    {
        "type", "path", "database", "schema", "threads", "config_options", "settings", "extensions", "attach", "secrets",
        "keep_open", "external_root", "disable_transactions", "retries",
    }
)  # fmt: skip
"""Keys of a dbt-duckdb target that the native connection honours itself; any other one sends its nodes through dbt."""

_FOREIGN_VALUES = frozenset({"disable_transactions", "retries"})


@dataclass(frozen=True, slots=True)
class ProfileTarget:
    """One target of one profile, rendered; `obstacles` are settings that only dbt's own connection covers."""

    profile: str
    name: str
    type: str
    schema: str
    database: str
    path: str
    threads: int
    raw: Mapping[str, Any] = field(default_factory=dict)
    obstacles: tuple[str, ...] = ()

    @property
    def session(self) -> str:
        """Return the hash of the settings that can change what a query gives: time zone, order of NULLs, and such."""
        return fingerprint({key: self.raw.get(key) for key in ("settings", "config_options", "extensions")})


@dataclass(frozen=True, slots=True)
class DbtProjectFile:
    """What `dbt_project.yml` says of names and folders; folders are relative to the project."""

    name: str
    profile: str
    target_path: str
    paths: tuple[str, ...]
    vars: Mapping[str, Any] = field(default_factory=dict)
    packages_path: str = "dbt_packages"
    flags: Mapping[str, Any] = field(default_factory=dict)


_PATH_KEYS = {
    "model-paths": ["models"], "seed-paths": ["seeds"], "test-paths": ["tests"], "analysis-paths": ["analyses"],
    "macro-paths": ["macros"], "snapshot-paths": ["snapshots"], "function-paths": ["functions"], "docs-paths": [], "asset-paths": [],
}  # fmt: skip


def load_dbt_yaml(text: str, file: str) -> dict[str, Any]:
    """Read YAML as dbt reads it (version 1.1). Raises ProjectError naming file, line and column."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        raw = yaml.load(text, Loader=loader)  # noqa: S506 (a safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        raise ProjectError(f"broken YAML: {error.problem}", at=at, hint="Check indentation and quoting on that line.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProjectError(f"broken YAML: {error}", at=Location(file)) from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ProjectError("expected `key: value` pairs", at=Location(file, 1))
    return raw


def read_dbt_project(text: str, file: str, env: Mapping[str, str]) -> DbtProjectFile:
    """Read `dbt_project.yml`. Raises ProjectError for broken YAML and where `name` is missing."""
    raw = load_dbt_yaml(text, file)
    if not raw.get("name"):
        raise ProjectError("`name` is missing", at=Location(file, 1), hint="Every dbt project has a name.")
    paths: list[str] = []
    for key, default in _PATH_KEYS.items():
        value = raw.get(key, default)
        paths += [str(path) for path in (value if isinstance(value, list) else [value])]
    rendered = DbtRenderer(env, {}, file)
    variables, flags = raw.get("vars"), raw.get("flags")
    return DbtProjectFile(
        name=str(raw["name"]),
        profile=str(rendered.value(raw.get("profile") or raw["name"])),
        target_path=str(rendered.value(raw.get("target-path") or "target")),
        paths=tuple(dict.fromkeys(paths)),
        vars=variables if isinstance(variables, dict) else {},
        packages_path=str(rendered.value(raw.get("packages-install-path") or "dbt_packages")),
        flags=flags if isinstance(flags, dict) else {},
    )


def read_profile(
    text: str, file: str, profile: str, target: str | None, env: Mapping[str, str], variables: Mapping[str, Any] | None = None
) -> ProfileTarget:
    """Render one target of one profile.

    Raises ConfigError for a missing profile, target or environment variable, and for a target without a database file.
    """
    raw = load_dbt_yaml(text, file)
    if profile not in raw or not isinstance(raw[profile], dict):
        known = ", ".join(sorted(str(key) for key in raw if key != "config")) or "none"
        raise ConfigError(
            f"there is no profile `{profile}` (known: {known})", at=Location(file, 1), hint="Check `profile:` in dbt_project.yml."
        )
    renderer = DbtRenderer(env, variables or {}, file)
    outputs = raw[profile].get("outputs")
    outputs = outputs if isinstance(outputs, dict) else {}
    name = target or str(renderer.value(raw[profile].get("target") or "default"))
    if name not in outputs or not isinstance(outputs[name], dict):
        known = ", ".join(sorted(map(str, outputs))) or "none"
        at = Location(file, key_lines(text).get(profile, 1))
        raise ConfigError(f"profile `{profile}` has no target `{name}` (known: {known})", at=at, hint="Use --target.")
    output = renderer.value(outputs[name])
    kind = str(output.get("type") or "")
    path = str(output.get("path") or ":memory:")
    return ProfileTarget(
        profile=profile,
        name=name,
        type=kind,
        schema=str(output.get("schema") or "main"),
        database=str(output.get("database") or _database_of(path)),
        path=path,
        threads=_threads(output.get("threads"), file),
        raw=output,
        obstacles=tuple(
            sorted(f"profile {key}" for key, value in output.items() if value and (key not in NATIVE_KEYS or key in _FOREIGN_VALUES))
        ),
    )


def _database_of(path: str) -> str:
    """Name the catalog of a database file as dbt-duckdb's `path_derived_database_name` does."""
    if path == ":memory:":
        return "memory"
    return PurePath(urlparse(path).path).name.lstrip(".").split(".")[0]


def _threads(value: Any, file: str) -> int:
    try:
        return max(1, int(value if value is not None else 1))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"`threads` must be a number, found {value!r}", at=Location(file)) from error


class DbtRenderer:
    """The Jinja of dbt's YAML files: `env_var`, `var`, `target`, `flags.PROFILES_DIR` and the `as_*` filters.

    A lone expression keeps its type. Profiles have no `target`.
    """

    def __init__(self, env: Mapping[str, str], variables: Mapping[str, Any], file: str, target: Mapping[str, Any] | None = None) -> None:
        self._env = env
        self._vars = variables
        self._file = file
        self._target = target
        self._jinja: Any = None

    def value(self, value: Any) -> Any:
        """Render every string of a nested value."""
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, str) and ("{{" in value or "{%" in value):
            return self._render(value)
        return value

    def _render(self, text: str) -> Any:
        from jinja2 import TemplateError, Undefined

        lone = re.fullmatch(r"\s*\{\{((?:(?!\}\}).)*)\}\}\s*", text, re.DOTALL)
        try:
            if not lone:
                return self._environment().from_string(text).render()
            found = self._environment().compile_expression(lone[1], undefined_to_none=False)()
            return str(found) if isinstance(found, Undefined) else found  # the text of what is undefined is an error
        except TemplateError as error:
            raise ConfigError(f"cannot render `{text}`: {error.message}", at=Location(self._file)) from error
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise ConfigError(f"cannot render `{text}`: {error}", at=Location(self._file)) from error

    def _environment(self) -> Any:
        if self._jinja is None:
            from jinja2 import StrictUndefined
            from jinja2.sandbox import ImmutableSandboxedEnvironment

            self._jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
            flags = {"PROFILES_DIR": str(PurePath(self._file).parent)}
            self._jinja.globals.update({"env_var": self._env_var, "var": self._var, "flags": flags})
            if self._target is not None:
                self._jinja.globals["target"] = self._target
            self._jinja.filters.update({"as_bool": _as_bool, "as_number": _as_number, "as_native": _as_number, "as_text": str})
        return self._jinja

    def _env_var(self, name: str, default: str | None = None) -> str:
        found = self._env.get(name, default)
        if found is None:
            raise ConfigError(
                f"the environment variable {name} is not set", at=Location(self._file), hint=f"Set {name}, or give env_var a default."
            )
        return found

    def _var(self, name: str, default: Any = None) -> Any:
        if self._target is not None and default is None and name not in self._vars:
            raise ConfigError(f"the variable {name} is not set", at=Location(self._file), hint=f"Give it: --vars '{name}: ...'.")
        return self._vars.get(name, default)


def _as_bool(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1", "yes", "on")


def _as_number(value: Any) -> Any:
    text = str(value)
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return value
