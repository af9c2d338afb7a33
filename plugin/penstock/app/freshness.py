"""The use case `freshness`: ask the warehouse when each source was last loaded, compare, record, and write dbt's sources.json."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.app.gateway import DbtGateway
from penstock.app.holding import held_database
from penstock.app.planning import Wanted, open_target
from penstock.app.project import Project, load_project
from penstock.app.runs import new_run_id, utc_now
from penstock.app.selecting import select_assets
from penstock.app.settings import Settings
from penstock.assets.asset import Asset, Kind
from penstock.assets.freshness import COMMIT, FIELD, NO_CRITERIA, QUERY, RUNTIME_ERROR, Criteria, SourceAge, asset_criteria, said_freshness
from penstock.assets.names import AssetKey
from penstock.compiler.freshness import freshness_of_query, freshness_query
from penstock.errors import PenstockError, WarehouseError
from penstock.selector.select import Selection
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.protocol import Row

_THIS = re.compile(r"\{\{\s*this\s*\}\}")
_INFINITELY_LONG_AGO = datetime(1, 1, 1)  # noqa: DTZ001 (what dbt takes for a table without rows, UTC)

Show = Callable[[int, int, Asset, SourceAge], None]
"""Told of each source when it was asked: its number, how many there are, the source, what was found."""


@dataclass(frozen=True, slots=True)
class FreshnessReport:
    """What was asked and found; `started_at` is UTC, `seconds` the whole time."""

    project: Project
    selection: Selection
    sources: tuple[Asset, ...]
    ages: tuple[SourceAge, ...]
    started_at: datetime
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every source could be asked and none is stale beyond its `error_after`, as in dbt."""
        return not any(age.failed for age in self.ages)


def check_freshness(settings: Settings, wanted: Wanted, show: Show, note: Callable[[str], None]) -> FreshnessReport:
    """Ask every selected source that has criteria, and record the answers.

    Raises WarehouseBusy where another process holds the database; a source that cannot be asked is in the report.
    """
    started = utc_now()
    with ExitStack() as stack:
        settings.database_path.parent.mkdir(parents=True, exist_ok=True)
        stack.enter_context(held_database(settings, wanted.command, wanted.wait_seconds, now=started))
        gateway = DbtGateway(settings, note)
        stack.callback(gateway.close)
        project = load_project(settings, gateway)
        selection = select_assets(settings, project, wanted)
        sources = tuple(asset for key in sorted(selection.keys) if _has_criteria(asset := project.graph[key]))
        queries = {asset.key: _query_of(asset, gateway) for asset in sources}
        gateway.close()  # dbt's connections go first: what its Jinja asked must not keep the file
        warehouse = open_target(settings, wanted, read_only=False)
        stack.callback(warehouse.close)
        sql = Statements(warehouse.connect(), settings.file.state_schema)
        migrate(sql)
        commits: dict[AssetKey, datetime] = dict(sql.run("last_commits"))
        ages = []
        for number, asset in enumerate(sources, 1):
            ages.append(_ask(sql, asset, queries[asset.key], commits))
            show(number, len(sources), asset, ages[-1])
        _record(sql, project, ages, started)
    return FreshnessReport(project, selection, sources, tuple(ages), started, (utc_now() - started).total_seconds())


def _record(sql: Statements, project: Project, ages: Sequence[SourceAge], started: datetime) -> None:
    """Append what was found, and the graph where it is new: without it `status` would not know whom a late source concerns."""
    writer, run_id = StateWriter(sql), new_run_id(started)
    writer.source_ages(run_id, ages, started)
    writer.record_graph(run_id, project.graph, project.graph_hash)


def _has_criteria(asset: Asset) -> bool:
    return asset.kind is Kind.SOURCE and asset.source is not None and asset_criteria(asset) != NO_CRITERIA


@dataclass(frozen=True, slots=True)
class _Query:
    """How a source is asked: the basis of the answer, and the SQL or why there is none."""

    basis: str
    sql: str = ""
    error: str = ""


def _query_of(asset: Asset, gateway: DbtGateway) -> _Query:
    """Find the query; dbt renders Jinja other than `{{ this }}` and the place of a source outside the database."""
    spec = asset.source
    if spec is None or asset.relation is None:
        return _Query(FIELD, error="it is no source")
    if not spec.loaded_at_query and not spec.loaded_at_field:
        return _Query(COMMIT)
    basis = QUERY if spec.loaded_at_query else FIELD
    relation, query = asset.relation.sql, spec.loaded_at_query
    query = _THIS.sub(lambda _: relation, query) if not spec.external_location else query
    if spec.external_location or "{{" in query or "{%" in query or "{#" in query:
        try:
            relation, query = gateway.session().source_sql(asset.key)
        except PenstockError as error:
            return _Query(basis, error=error.message)
    if basis == QUERY:
        return _Query(basis, freshness_of_query(query))
    return _Query(basis, freshness_query(relation, spec.loaded_at_field, str(spec.freshness.get("filter") or "")))


def _ask(sql: Statements, asset: Asset, query: _Query, commits: Mapping[AssetKey, datetime]) -> SourceAge:
    started = utc_now()
    age = _answer(sql, asset, query, commits, started)
    return age.timed(started, (utc_now() - started).total_seconds())


def _answer(sql: Statements, asset: Asset, query: _Query, commits: Mapping[AssetKey, datetime], now: datetime) -> SourceAge:
    criteria = asset_criteria(asset)
    if query.error:
        return SourceAge(asset.key, RUNTIME_ERROR, query.basis, error=query.error)
    if query.basis == COMMIT:
        return _by_commit(asset, criteria, commits, now)
    try:
        rows = sql.connection.execute(query.sql)
    except WarehouseError as error:
        return SourceAge(asset.key, RUNTIME_ERROR, query.basis, error=error.message)
    return _compared(asset, criteria, query.basis, rows)


def _by_commit(asset: Asset, criteria: Criteria, commits: Mapping[AssetKey, datetime], now: datetime) -> SourceAge:
    """An ingestion file that says no field was loaded when its last commit was; nothing else can be asked without one."""
    if asset.ingest is None:
        return SourceAge(asset.key, RUNTIME_ERROR, FIELD, error=f"no `loaded_at_field` or `loaded_at_query` is given for {asset.name}")
    if asset.key not in commits:
        return SourceAge(asset.key, RUNTIME_ERROR, COMMIT, error=f"{asset.ingest.path} was never loaded")
    age = (now - commits[asset.key]).total_seconds()
    return SourceAge(asset.key, criteria.status(age), COMMIT, commits[asset.key], now, age)


def _compared(asset: Asset, criteria: Criteria, basis: str, rows: Sequence[Row]) -> SourceAge:
    if len(rows) != 1 or len(rows[0]) != 2:
        return SourceAge(asset.key, RUNTIME_ERROR, basis, error="expected one row of one value")
    loaded, snapshotted = rows[0]
    if loaded is not None and not isinstance(loaded, datetime):
        return SourceAge(asset.key, RUNTIME_ERROR, basis, error=f"expected a timestamp, found a {type(loaded).__name__}: {loaded}")
    at = _utc(snapshotted)
    age = (at - (_INFINITELY_LONG_AGO if loaded is None else _utc(loaded))).total_seconds()
    return SourceAge(asset.key, criteria.status(age), basis, None if loaded is None else _utc(loaded), at, age)


def _utc(moment: datetime) -> datetime:
    """Return a time as UTC without a zone; one that names none is UTC already, as in dbt whatever the session's zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def sources_document(report: FreshnessReport, env: Mapping[str, str], invocation: str) -> dict[str, Any]:
    """Return dbt's sources.json (v3); sources that could not be asked are not in it, as in dbt."""
    prefix = "DBT_ENV_CUSTOM_ENV_"
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json",
            "dbt_version": report.project.dbt_version,
            "generated_at": f"{(report.started_at + timedelta(seconds=report.seconds)).isoformat()}Z",
            "invocation_id": invocation,
            "invocation_started_at": f"{report.started_at.isoformat()}Z",
            "env": {name.removeprefix(prefix): value for name, value in env.items() if name.startswith(prefix)},
        },
        "results": list(_results(report)),
        "elapsed_time": report.seconds,
    }


def _results(report: FreshnessReport) -> Iterator[dict[str, Any]]:
    for asset, age in zip(report.sources, report.ages, strict=True):
        if age.snapshotted_at is None or asset.source is None or age.started_at is None:
            continue
        began, ended = f"{age.started_at.isoformat()}Z", f"{(age.started_at + timedelta(seconds=age.seconds)).isoformat()}Z"
        yield {
            "unique_id": age.asset,
            "max_loaded_at": (age.max_loaded_at or _INFINITELY_LONG_AGO).replace(tzinfo=UTC).isoformat(),
            "snapshotted_at": age.snapshotted_at.replace(tzinfo=UTC).isoformat(),
            "max_loaded_at_time_ago_in_s": age.age,
            "status": age.status,
            "criteria": {name: said_freshness(asset).get(name) for name in ("warn_after", "error_after", "filter")},
            "adapter_response": {"_message": "OK"},
            "timing": [
                {"name": "compile", "started_at": began, "completed_at": began},
                {"name": "execute", "started_at": began, "completed_at": ended},
            ],
            "thread_id": "MainThread",
            "execution_time": age.seconds,
        }
