"""Making the plan: what a user wants, what is known, and the list of rows that `plan` shows and `build` runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.app.attached import attachments
from penstock.app.compiled import CompiledQueries
from penstock.app.gateway import DbtGateway
from penstock.app.gather import gather, nothing_yet, with_code_versions
from penstock.app.project import Project, load_project
from penstock.app.runs import utc_now
from penstock.app.selecting import Choice, select_assets
from penstock.app.settings import Settings
from penstock.app.untouched import is_untouched
from penstock.assets.asset import Asset, Kind
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.facts import Facts
from penstock.plan.names import display
from penstock.plan.planner import Plan, PlanRow, make_plan
from penstock.plan.reasons import Decision, Reason
from penstock.selector.select import Selection
from penstock.state.store import Statements
from penstock.warehouse.duckdb import DuckDBWarehouse, open_duckdb

if TYPE_CHECKING:
    from penstock.app.defer import Deferral


@dataclass(frozen=True, slots=True)
class Wanted(Choice):
    """What a user asks of `plan`, `build` or `check`; `partitions` are ranges as text, `chosen` the very keys of some assets.

    Without `builds` tests and checks alone are run, without `checks` all but these.
    """

    command: str = "build"
    checks: bool = True
    builds: bool = True
    force: bool = False
    full_refresh: bool = False
    verify: bool = False
    defer: bool = False
    defer_target: str = ""
    favor_state: bool = False
    fail_fast: bool = False
    executor: str = "auto"
    store_failures: bool = False
    warn_error: bool = False
    wait_seconds: float = 0
    partitions: tuple[str, ...] = ()
    max_partitions: int = 400
    newest_first: bool = False
    max_active: int = 1
    chosen: Mapping[AssetKey, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what it was made from."""

    settings: Settings
    project: Project
    selection: Selection
    facts: Facts
    plan: Plan
    wanted: Wanted
    deferral: Deferral | None = None

    @property
    def graph(self) -> AssetGraph:
        """The graph that is planned on: the project's, but for what is deferred."""
        return self.facts.graph

    def refuse_surprises(self) -> None:
        """Raise SelectionError where more partitions of an asset are due than the user expects."""
        for row in self.plan.rows:
            count = sum(len(due.partitions) for due in row.slices)
            if count > self.wanted.max_partitions:
                asset = self.graph.assets[row.id]
                name = f"source:{asset.source.source_name}.{asset.name}" if asset.source else asset.name
                raise SelectionError(
                    f"{count:,} partitions of {display(row.asset)} are due, more than --max-partitions {self.wanted.max_partitions}",
                    hint=f"To go on: penstock {self.wanted.command} --max-partitions {count}. "
                    f"To begin with some: penstock backfill --select {name} --partition {row.slices[0].partitions.ranges()[0]}.",
                )

    def executor(self, asset: Asset) -> str:
        """Name who would run an asset: `native` or `dbt`."""
        return "dbt" if self.obstacles(asset) else "native"

    def obstacles(self, asset: Asset) -> tuple[str, ...]:
        """Why the native executor leaves an asset to dbt; empty where it does not."""
        if asset.ingest is not None or asset.check is not None:
            return ()
        if self.wanted.executor == "dbt" or self.settings.file.defaults.executor == "dbt":
            return ("--executor dbt",)
        stored = ("--store-failures",) if asset.kind is Kind.TEST and self.wanted.store_failures else ()
        return (*asset.obstacles, *stored, *self.settings.profile.obstacles)


def plan_project(settings: Settings, wanted: Wanted, gateway: DbtGateway) -> Planned:
    """Make the plan that `build` would follow; touches nothing. Raises what reading the project or the database raises."""
    project = load_project(settings, gateway)
    selection = select_assets(settings, project, wanted)
    other = deferred_target(settings, wanted)
    exists = settings.database_path.exists()
    if not exists and other is None:
        ids = [project.graph.ids[key] for key in selection.keys]
        facts = nothing_yet(
            project.graph, ids, database=settings.profile.database, force=wanted.force, full_refresh=wanted.full_refresh,
            now=utc_now(), partitions=wanted.partitions, project_folder=settings.root, evidence=settings.file.evidence,
        )  # fmt: skip
        return Planned(settings, project, selection, facts, make_plan(facts), wanted)
    queries = CompiledQueries(settings.work / "compiled.json", gateway)
    untouched = is_untouched(settings)
    warehouse = open_target(
        settings, wanted, other if exists else None, read_only=True, path=None if exists or other is None else other.database_path
    )
    try:
        seen = look(settings, project, selection, wanted, warehouse, other, untouched=untouched)
    finally:
        warehouse.close()
    planned = _planned(settings, project, selection, wanted, seen, queries, warehouse.capabilities.dialect)
    queries.save({asset.fingerprint for asset in project.graph.assets})
    return planned


def deferred_target(settings: Settings, wanted: Wanted) -> Settings | None:
    """Return the settings of the target to defer to, None without `--defer`."""
    if not wanted.defer:
        return None
    from penstock.app.defer import other_target

    return other_target(settings, wanted.defer_target or settings.file.defer_target)


def open_target(
    settings: Settings, wanted: Wanted, other: Settings | None = None, *, read_only: bool, path: Path | None = None
) -> DuckDBWarehouse:
    """Open the target's database with everything that the profile, `penstock.yml` and a deferral attach or load."""
    attach = attachments(settings)
    if other is not None:
        from penstock.app.defer import attachment

        attach += attachment(settings, other)
    target = {**settings.profile.raw, "extensions": [*(settings.profile.raw.get("extensions") or []), *settings.file.extensions]}
    place = path or settings.database_path
    return open_duckdb(place, target, read_only=read_only, wait_seconds=wanted.wait_seconds, attach=attach)


def plan_with(
    settings: Settings, project: Project, selection: Selection, wanted: Wanted, warehouse: DuckDBWarehouse, queries: CompiledQueries,
    other: Settings | None = None, *, untouched: bool = False,
) -> Planned:  # fmt: skip
    """Plan on an open database; `untouched` says that nobody wrote it since the last run."""
    seen = look(settings, project, selection, wanted, warehouse, other, untouched=untouched)
    return _planned(settings, project, selection, wanted, seen, queries, warehouse.capabilities.dialect)


def _planned(
    settings: Settings, project: Project, selection: Selection, wanted: Wanted, seen: tuple[Facts, Deferral | None],
    queries: CompiledQueries, dialect: str,
) -> Planned:  # fmt: skip
    facts, deferral = seen
    if deferral is not None:
        queries.redirect = deferral.redirect
    facts = with_code_versions(facts, queries, dialect)
    plan = make_plan(facts)
    if deferral is not None:
        plan = Plan(tuple(sorted((*plan.rows, *_deferred_rows(deferral)), key=lambda row: row.id)))
    return Planned(settings, project, selection, facts, plan, wanted, deferral)


def _deferred_rows(deferral: Deferral) -> Iterator[PlanRow]:
    for key in deferral.reused:
        detail = f"{deferral.target}: {deferral.relations[key][1]}"
        yield PlanRow(deferral.graph.ids[key], key, Decision.REUSE, Reason.DEFERRED, detail)


def look(
    settings: Settings, project: Project, selection: Selection, wanted: Wanted, warehouse: DuckDBWarehouse, other: Settings | None,
    *, untouched: bool,
) -> tuple[Facts, Deferral | None]:  # fmt: skip
    """Gather what the selected assets depend on, and what another target holds of it."""
    graph, keys = project.graph, selection.keys
    deferral = None
    if other is not None:
        from penstock.app.defer import defer

        deferral = defer(settings, other, project, keys, warehouse, favor=wanted.favor_state)
        graph, keys = deferral.graph, tuple(key for key in keys if key not in deferral.relations)
    ids = [graph.ids[key] for key in keys]
    if not wanted.checks:
        ids = [number for number in ids if not graph.assets[number].is_test]
    if not wanted.builds:
        ids = [number for number in ids if graph.assets[number].is_test]
    sql = Statements(warehouse.connect(), settings.file.state_schema)
    facts = gather(
        graph, ids, warehouse, sql,
        database=settings.profile.database, project_folder=settings.root, evidence=settings.file.evidence,
        force=wanted.force, full_refresh=wanted.full_refresh, verify=wanted.verify, untouched=untouched,
        now=utc_now(), partitions=wanted.partitions, chosen=wanted.chosen,
    )  # fmt: skip
    return facts, deferral
