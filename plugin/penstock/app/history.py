"""What a selection looks back at: a folder of dbt's artifacts, or what the warehouse recorded."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.app.project import Project, load_manifest
from penstock.app.runs import utc_now
from penstock.app.settings import Settings
from penstock.assets.definition import Definitions
from penstock.assets.names import AssetKey
from penstock.errors import PenstockError, SelectionError
from penstock.graph.column_walk import ColumnMap
from penstock.selector.history import History

if TYPE_CHECKING:
    from penstock.state.store import Statements

_DEFINITIONS_SINCE = 2
"""The first schema of the state tables that holds definitions."""

_Artifact = TypeVar("_Artifact")
_Fact = TypeVar("_Fact")


def history_of(settings: Settings, project: Project, *, folder: str = "", as_of: str = "") -> History:
    """Return what `state:`, `result:` and `source_status:` compare with; nothing is read before a criterion asks.

    `folder` is relative to the project, as in dbt; without one the state tables answer, as of the last good run or of
    `as_of`, a time (UTC where it names no zone) or a run's id.
    """

    @cache
    def current() -> Definitions:
        return definitions_of(settings, project)

    now = datetime.now(UTC)
    if folder:
        found = _from_folder(settings, settings.project_dir / folder, project, current, now)
    else:
        found = _from_warehouse(settings, as_of, current, now)
    return replace(
        found,
        freshness=lambda: _freshness(settings),
        partitions=lambda: _partitions(settings),
        failed_checks=lambda: _failed_checks(settings),
        columns=cache(lambda: _columns(settings)),
    )


def _partitions(settings: Settings) -> Mapping[AssetKey, Collection[str]]:
    """Return the statuses that partitions of each asset have, as recorded."""
    return {asset: frozenset(statuses) for asset, statuses in _recorded(settings, "partition_statuses")}


def _failed_checks(settings: Settings) -> Collection[AssetKey]:
    """Return the tests whose latest recorded result did not pass."""
    return {check for (check,) in _recorded(settings, "failed_checks")}


def _columns(settings: Settings) -> ColumnMap:
    """Return the recorded column lineage."""
    from penstock.app.column_map import COLUMN_QUERIES, column_map

    return column_map([_recorded(settings, query) for query in COLUMN_QUERIES], lambda _: True)


def _recorded(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """Return what a named query finds, nothing where nothing was ever built."""
    from penstock.app.reading import open_state
    from penstock.state.store import SCHEMA_VERSION, stored_version

    if not settings.database_path.exists():
        return []
    with open_state(settings, 0, read_only=True) as sql:
        return [] if stored_version(sql) < SCHEMA_VERSION else sql.run(query)


def _freshness(settings: Settings) -> Mapping[AssetKey, str]:
    """Return how fresh each recorded asset is as of now, whatever else is compared with. Raises SelectionError where nothing is."""
    from penstock.app.reading import open_state
    from penstock.state.freshness import FRESHNESS_SINCE, verdicts
    from penstock.state.store import stored_version

    hint = "Run `penstock build` or `penstock freshness` first."
    try:
        with open_state(settings, 0, read_only=True) as sql:
            if stored_version(sql) < FRESHNESS_SINCE:
                raise SelectionError("the state tables do not know yet how fresh anything is", hint=hint)
            return verdicts(sql, utc_now())
    except PenstockError as error:
        error.hint = error.hint or hint
        raise


def definitions_of(settings: Settings, project: Project, path: Path | None = None) -> Definitions:
    """Read the definitions of the project's manifest, or of another one that is compared with it.

    Raises ProjectError for a file that is no manifest.
    """
    from penstock.parser.definitions import read_definitions

    return read_definitions(
        load_manifest(path or settings.work / "manifest.json"), unrendered_sources=unrendered_sources(settings, project)
    )


def unrendered_sources(settings: Settings, project: Project) -> bool:
    """Return dbt's flag `state_modified_compare_more_unrendered_values`: off before dbt-core 1.12 unless the project sets it."""
    given = settings.dbt.flags.get("state_modified_compare_more_unrendered_values")
    if given is not None:
        return bool(given)
    return [int(part) for part in re.findall(r"\d+", project.dbt_version)[:2]] >= [1, 12]


def _from_folder(settings: Settings, folder: Path, project: Project, current: Callable[[], Definitions], now: datetime) -> History:
    def artifact(name: str, read: Callable[[str, str], _Artifact], where: Path = folder) -> _Artifact:
        path = where / name
        if not path.is_file():
            raise SelectionError(
                f"there is no {name} in {os.path.relpath(where)}", hint="Check --state: its path is relative to the project."
            )
        return read(path.read_text(encoding="utf-8"), os.path.relpath(path))

    def previous() -> Definitions:
        return artifact("manifest.json", lambda _text, file: definitions_of(settings, project, Path(file)))

    @cache
    def statuses() -> Mapping[AssetKey, Collection[str]]:
        from penstock.parser.artifacts import read_results

        return artifact("run_results.json", read_results)

    @cache
    def fresher_sources() -> Collection[AssetKey]:
        from penstock.parser.artifacts import fresher, read_sources

        return fresher(artifact("sources.json", read_sources, settings.work.parent), artifact("sources.json", read_sources))

    return History(now, current, previous, statuses, fresher_sources)


def _from_warehouse(settings: Settings, as_of: str, current: Callable[[], Definitions], now: datetime) -> History:
    from penstock.state.definitions import definitions_as_of, fresher_since, statuses_of

    def read(ask: Callable[[Statements, str], _Fact], *, good: bool) -> _Fact:
        from penstock.app.reading import open_state
        from penstock.state.store import stored_version

        try:
            with open_state(settings, 0, read_only=True) as sql:
                if stored_version(sql) < _DEFINITIONS_SINCE:
                    raise SelectionError("the state tables hold nothing to compare with yet")
                return ask(sql, reference_run(sql, as_of, good=good))
        except PenstockError as error:
            error.hint = error.hint or "Run `penstock build` first, or give a folder of dbt's artifacts: --state DIR."
            raise

    @cache
    def statuses() -> Mapping[AssetKey, Collection[str]]:
        return read(statuses_of, good=False)

    @cache
    def fresher_sources() -> Collection[AssetKey]:
        return read(fresher_since, good=True)

    return History(now, current, lambda: read(definitions_as_of, good=True), statuses, fresher_sources)


def reference_run(sql: Statements, as_of: str, *, good: bool) -> str:
    """Return the run to look back at: the one named, else the last one by then. Raises SelectionError where there is none."""
    before = utc_now()
    if "-" in as_of:
        try:
            given = datetime.fromisoformat(as_of)
        except ValueError:
            raise SelectionError(f"--as-of is neither a time nor a run: {as_of}", hint="For example --as-of 2026-03-01T12:00.") from None
        before = given.astimezone(UTC).replace(tzinfo=None) if given.tzinfo else given
    elif as_of:
        from penstock.app.reading import StateReader

        return str(StateReader(sql).find_run(as_of)[0])
    rows = sql.run("run_as_of", {"before": before, "good": good})
    if not rows:
        raise SelectionError(f"no {'good ' if good else ''}run had ended by {before:%Y-%m-%d %H:%M} UTC")
    return str(rows[0][0])
