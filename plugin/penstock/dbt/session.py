"""One dbt invocation kept open for a whole run: config, adapter and manifest once, then compile and run node by node.

dbt's own requirement decorators build the context, so flags, profiles, packages and partial parsing mean what they mean
on dbt's command line; what differs is that nothing is selected, queued or printed by dbt.
"""

from __future__ import annotations

import contextvars
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import get_adapter, reset_adapters
from dbt.artifacts.resources import Hook
from dbt.cli import requires
from dbt.cli.main import cli
from dbt.clients.jinja import get_rendered
from dbt.context.providers import RuntimeProvider, SourceContext
from dbt.task.build import BuildTask
from dbt_common.events.base_types import EventMsg
from dbt_common.events.event_manager_client import cleanup_event_logger
from dbt_common.exceptions import DbtBaseException

from penstock.assets.names import RelationName
from penstock.dbt.slice_vars import compiled_code, explained
from penstock.errors import ConfigError, Location, PenstockError, ProjectError

_NAMED_FILE = re.compile(r"(?:\(|Error reading [^:]+: |of file ')([^\s()/'][^\s()']*\.(?:sql|ya?ml|py|csv|md))\b")
_NAMED_LINE = re.compile(r"\bline (\d+)")
_SHOWN_EVENTS = frozenset({"JinjaLogInfo", "JinjaLogWarning", "PrintEvent"})


@dataclass(frozen=True, slots=True)
class DbtOptions:
    """How dbt is called; kept the same from call to call, because another target or var forces a full parse."""

    project_dir: Path
    profiles_dir: Path
    target_path: Path
    target: str = ""
    profile: str = ""
    vars: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    full_refresh: bool = False
    store_failures: bool = False

    def arguments(self) -> list[str]:
        """Return dbt's command-line arguments."""
        args = [
            "--project-dir", str(self.project_dir), "--profiles-dir", str(self.profiles_dir), "--target-path", str(self.target_path),
            "--log-path", str(self.target_path / "logs"), "--log-level", "none", "--log-level-file", "none",
            "--no-send-anonymous-usage-stats", "--threads", str(self.threads),
        ]  # fmt: skip
        if self.target:
            args += ["--target", self.target]
        if self.profile:
            args += ["--profile", self.profile]
        if self.vars:
            args += ["--vars", yaml.safe_dump(dict(self.vars))]
        if self.full_refresh:
            args.append("--full-refresh")
        if self.store_failures:
            args.append("--store-failures")
        return args


@dataclass(frozen=True, slots=True)
class HookSql:
    """Statements that must run inside the node's own transaction, first and last."""

    first: str
    last: str


def _never_shown(_line: str) -> None:
    return None


class DbtSession:
    """An open dbt invocation. At most one may be open in a process; `close` lets the database file go."""

    def __init__(self, options: DbtOptions, show: Callable[[str], None] = _never_shown) -> None:
        """Parse the project (partially, where dbt's cache allows).

        `show` gets each line that the project's own `log` and `print` calls write. Raises ProjectError with dbt's own message
        where the project cannot be parsed, ConfigError where the profile cannot be used.
        """
        self.options = options
        self._show = show
        self._context = _click_context(options, self._on_event)
        self._obj: dict[str, Any] = {}
        self._thread_lock = threading.Lock()
        self._closed = False
        try:
            self._open()
        except DbtBaseException as error:
            self.close()
            raise _translated(error, options) from error
        except BaseException:
            self.close()
            raise
        self.adapter = get_adapter(self._obj["runtime_config"])
        self.task = BuildTask(self._obj["flags"], self._obj["runtime_config"], self.manifest)
        self._invocation = contextvars.copy_context()

    @property
    def manifest(self) -> Any:
        """Dbt's own Manifest object."""
        return self._obj["manifest"]

    @property
    def config(self) -> Any:
        """Dbt's RuntimeConfig."""
        return self._obj["runtime_config"]

    @property
    def manifest_path(self) -> Path:
        """The manifest.json that parsing wrote."""
        return self.options.target_path / "manifest.json"

    def node(self, key: str) -> Any:
        """Return dbt's node of that unique_id."""
        manifest = self.manifest
        for section in (manifest.nodes, manifest.unit_tests, getattr(manifest, "functions", {})):
            if key in section:
                return section[key]
        raise ProjectError(f"dbt knows no node {key}")

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function inside dbt's invocation context, from any thread."""
        with self._thread_lock:
            context = self._invocation.copy()
        return context.run(function)

    def compile(self, key: str) -> str:
        """Return the compiled SQL of a node. Raises ProjectError with dbt's message."""

        def compiled() -> str:
            with self.adapter.connection_named(key):
                return compiled_code(self.task.compiler, self.node(key), self.manifest, self.options.vars)

        try:
            return str(self.call(compiled))
        except DbtBaseException as error:
            raise ProjectError(explained(_message(error))) from error
        finally:
            self._release()

    def source_sql(self, key: str) -> tuple[str, str]:
        """Return a source as it stands in dbt's SQL, and its `loaded_at_query` rendered, "" where it has none.

        Raises ProjectError with dbt's message. Source: `FreshnessRunner.execute`.
        """
        source = self.manifest.sources[key]

        def rendered() -> tuple[str, str]:
            with self.adapter.connection_named(key):
                relation = str(self.adapter.Relation.create_from(self.config, source))
                if not source.loaded_at_query:
                    return relation, ""
                context = SourceContext(source, self.config, self.manifest, RuntimeProvider(), None).to_dict()
                return relation, str(get_rendered(source.loaded_at_query, context, source))

        try:
            found: tuple[str, str] = self.call(rendered)
        except (DbtBaseException, ValueError, KeyError) as error:
            raise ProjectError(_message(error)) from error
        finally:
            self._release()
        return found

    def prepare(self, keys: Sequence[str]) -> None:
        """Create the schemas that nodes need and fill dbt's relation cache, once for the run."""

        def prepared() -> None:
            with self.adapter.connection_named("master"):
                schemas = self.task.get_model_schemas(self.adapter, set(keys))
                self.task.create_schemas(self.adapter, schemas)
                self.task.populate_adapter_cache(self.adapter, schemas)

        try:
            self.call(prepared)
        except DbtBaseException as error:
            raise ConfigError(_message(error)) from error
        finally:
            self._release()

    def point_elsewhere(self, relations: Mapping[str, RelationName]) -> None:
        """Let references to these nodes, which this run does not build, mean relations of another target."""
        for key, relation in relations.items():
            with suppress(ProjectError):
                node = self.node(key)
                node.database, node.schema, node.alias = relation.database, relation.schema, relation.identifier
                node.relation_name = relation.sql

    def built_natively(self, key: str, relation_type: str) -> None:
        """Tell dbt's relation cache that a relation now stands, so that later nodes see it."""
        node = self.node(key)
        relation = self.adapter.Relation.create_from(self.config, node, type=relation_type)
        with suppress(DbtBaseException):
            self.adapter.cache_dropped(relation)
            self.adapter.cache_added(relation)

    def with_hooks(self, node: Any, hooks: HookSql | None) -> Any:
        """Return a copy of a node whose last transactional pre-hook and last post-hook are ours.

        Last of the pre-hooks, so that nothing the project's own hooks do to the claim goes unseen.
        """
        copy = deepcopy(node)
        if hooks is not None:
            copy.config.pre_hook = [*copy.config.pre_hook, Hook(sql=_raw(hooks.first), transaction=True)]
            copy.config.post_hook = [*copy.config.post_hook, Hook(sql=_raw(hooks.last), transaction=True)]
        return copy

    def cancel(self) -> None:
        """Interrupt every statement that dbt runs now."""
        with suppress(Exception):
            for connection in list(self.adapter.connections.thread_connections.values()):
                if connection.handle is not None and connection.state == "open":
                    self.adapter.connections.cancel(connection)

    def close(self) -> None:
        """End the invocation and let go of the database file."""
        if self._closed:
            return
        self._closed = True
        with suppress(Exception):
            self.adapter.cleanup_connections()
        with suppress(Exception):
            self._context.close()
        environment = DuckDBConnectionManager._ENV  # noqa: SLF001 (dbt-duckdb has no public way to close its file)
        if environment is not None:
            with suppress(Exception):
                environment.close()
        DuckDBConnectionManager.close_all_connections()
        cleanup_event_logger()
        reset_adapters()  # the adapter holds the manifest, and that is most of dbt's memory
        self._obj.clear()

    def _open(self) -> None:
        def opened(context: click.Context, **_: Any) -> None:
            self._obj = context.obj

        steps: Any = opened
        steps = requires.manifest(write=True)(steps)
        steps = requires.runtime_config(steps)
        if hasattr(requires, "catalogs"):  # dbt-core before 1.12; there `manifest` does it
            steps = requires.catalogs(steps)
        steps = requires.project(steps)
        steps = requires.profile(steps)
        requires.preflight(steps)(self._context)

    def _release(self) -> None:
        with suppress(Exception):
            self.call(self.adapter.release_connection)

    def _on_event(self, event: EventMsg) -> None:
        if event.info.name in _SHOWN_EVENTS:
            self._show(str(event.info.msg))


def _click_context(options: DbtOptions, callback: Callable[[EventMsg], None]) -> click.Context:
    command = cli.commands["build"]
    root = click.Context(cli, info_name="dbt")
    root.params = {}
    context: click.Context = command.make_context("build", options.arguments(), parent=root)
    context.obj = {"callbacks": [callback]}
    return context


def _raw(sql: str) -> str:
    """Keep dbt from rendering what is already SQL: a hostile name could hold Jinja."""
    parts = sql.split("{% endraw %}")
    return "{{ '{% endraw %}' }}".join(f"{{% raw %}}{part}{{% endraw %}}" for part in parts)


def _message(error: BaseException) -> str:
    lines = [line.rstrip() for line in str(error).strip().splitlines()]
    return "\n".join(line for line in lines if line)


def _translated(error: DbtBaseException, options: DbtOptions) -> PenstockError:
    message = _message(error)
    kind = ConfigError if "profile" in type(error).__name__.lower() or "Profile" in message[:40] else ProjectError
    hint = "Run `dbt deps`." if "dbt deps" in message else "Fix it there; `dbt parse` shows the same."
    return kind(f"dbt: {message}", at=_place(message, options), hint=hint)


def _place(message: str, options: DbtOptions) -> Location:
    """Find the file and line that a message of dbt's names; a YAML file is named without its folder."""
    named = _NAMED_FILE.search(message)
    found = [path for path in options.project_dir.rglob(named[1]) if path.is_file()] if named else []
    line = _NAMED_LINE.search(message)
    path = found[0] if len(found) == 1 else options.project_dir / "dbt_project.yml"
    return Location(os.path.relpath(path), int(line[1]) if line and len(found) == 1 else 0)
