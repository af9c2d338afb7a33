"""Making the plan: what a user wants, what is known, and the list of rows that `plan` shows and `build` runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.app.compiled import CompiledQueries
from penstock.app.gateway import DbtGateway
from penstock.app.gather import gather, nothing_yet, with_code_versions
from penstock.app.project import Project, load_project
from penstock.app.runs import utc_now
from penstock.app.selecting import Choice, select_assets
from penstock.app.settings import Settings
from penstock.assets.asset import Asset, Kind
from penstock.plan.facts import Facts
from penstock.plan.planner import Plan, make_plan
from penstock.selector.select import Selection
from penstock.state.store import Statements
from penstock.warehouse.duckdb import DuckDBWarehouse, open_duckdb


@dataclass(frozen=True, slots=True)
class Wanted(Choice):
    """What a user asks of `plan` or `build`."""

    command: str = "build"
    checks: bool = True
    force: bool = False
    full_refresh: bool = False
    verify: bool = False
    fail_fast: bool = False
    executor: str = "auto"
    store_failures: bool = False
    wait_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what it was made from."""

    settings: Settings
    project: Project
    selection: Selection
    facts: Facts
    plan: Plan
    wanted: Wanted

    def executor(self, asset: Asset) -> str:
        """Name who would run an asset: `native` or `dbt`."""
        return "dbt" if self.obstacles(asset) else "native"

    def obstacles(self, asset: Asset) -> tuple[str, ...]:
        """Why the native executor leaves an asset to dbt; empty where it does not."""
        if asset.ingest is not None:
            return ()
        if self.wanted.executor == "dbt" or self.settings.file.defaults.executor == "dbt":
            return ("--executor dbt",)
        stored = ("--store-failures",) if asset.kind is Kind.TEST and self.wanted.store_failures else ()
        return (*asset.obstacles, *stored, *self.settings.profile.obstacles)


def plan_project(settings: Settings, wanted: Wanted, gateway: DbtGateway) -> Planned:
    """Make the plan that `build` would follow; touches nothing. Raises what reading the project or the database raises."""
    project = load_project(settings, gateway)
    selection = select_assets(settings, project, wanted)
    path = settings.database_path
    if not path.exists():
        ids = [project.graph.ids[key] for key in selection.keys]
        facts = nothing_yet(project.graph, ids, database=settings.profile.database, force=wanted.force, full_refresh=wanted.full_refresh)
        return Planned(settings, project, selection, facts, make_plan(facts), wanted)
    queries = CompiledQueries(settings.work / "compiled.json", gateway)
    warehouse = open_target(settings, wanted, read_only=True)
    try:
        facts = look(settings, project, selection, wanted, warehouse)
    finally:
        warehouse.close()
    facts = with_code_versions(facts, queries, warehouse.capabilities.dialect)
    queries.save({asset.fingerprint for asset in project.graph.assets})
    return Planned(settings, project, selection, facts, make_plan(facts), wanted)


def open_target(settings: Settings, wanted: Wanted, *, read_only: bool) -> DuckDBWarehouse:
    """Open the target's database with everything that the profile and `penstock.yml` attach or load."""
    attach = [{"alias": name, **item.model_dump()} for name, item in settings.file.attach.items()]
    target = {**settings.profile.raw, "extensions": [*(settings.profile.raw.get("extensions") or []), *settings.file.extensions]}
    return open_duckdb(settings.database_path, target, read_only=read_only, wait_seconds=wanted.wait_seconds, attach=attach)


def plan_with(
    settings: Settings, project: Project, selection: Selection, wanted: Wanted, warehouse: DuckDBWarehouse, queries: CompiledQueries
) -> Planned:
    """Plan on an open database."""
    facts = with_code_versions(look(settings, project, selection, wanted, warehouse), queries, warehouse.capabilities.dialect)
    return Planned(settings, project, selection, facts, make_plan(facts), wanted)


def look(settings: Settings, project: Project, selection: Selection, wanted: Wanted, warehouse: DuckDBWarehouse) -> Facts:
    """Gather what the selected assets depend on."""
    graph = project.graph
    ids = [graph.ids[key] for key in selection.keys]
    if not wanted.checks:
        ids = [number for number in ids if not graph.assets[number].is_test]
    sql = Statements(warehouse.connect(), settings.file.state_schema)
    facts = gather(
        graph, ids, warehouse, sql,
        database=settings.profile.database, project_folder=settings.root, evidence=settings.file.evidence,
        force=wanted.force, full_refresh=wanted.full_refresh,
        verify=wanted.verify,
    )  # fmt: skip
    return replace(facts, now=utc_now())
