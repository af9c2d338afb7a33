"""What a pull request changes, built and checked in the throw-away place, reading production for everything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from penstock.app.build import Report, Stopper, build_project
from penstock.app.gateway import DbtGateway
from penstock.app.planning import Planned, Wanted, plan_project
from penstock.app.project import Project, load_project
from penstock.app.reading import open_state
from penstock.app.settings import Settings
from penstock.assets.asset import Asset
from penstock.assets.names import AssetKey, RelationName
from penstock.plan.difference import AssetChange, Category, Difference
from penstock.plan.names import display
from penstock.plan.planner import PlanRow
from penstock.plan.reasons import Decision
from penstock.plan.verdict import BuildOutcome, CheckOutcome
from penstock.runner.failures import NOT_PUBLISHED
from penstock.runner.outcomes import Outcome, Sink, Status
from penstock.warehouse.duckdb import DuckDBWarehouse, open_duckdb

_MOST_SAMPLES = 10
Placed = Callable[[Asset], str]


@dataclass(frozen=True, slots=True)
class Built:
    """What became of the changed assets and their checks; `notes` say what was left out."""

    builds: tuple[BuildOutcome, ...] = ()
    checks: tuple[CheckOutcome, ...] = ()
    notes: tuple[str, ...] = ()


def affected(project: Project, difference: Difference) -> tuple[AssetKey, ...]:
    """Return what must be built and checked: what changed in more than its looks, what that reaches, and the tests of all of it.

    What reads only columns that nobody touched is left out; where lineage is not known, everything is reached.
    """
    graph = project.graph
    changed = {change.asset for change in difference.changes if _counts(change) and change.asset in graph}
    reached = [graph.ids[key] for key in changed.union(difference.impact.assets) if key in graph]
    tests = {child for number in reached for child in graph.children[number] if graph.assets[child].is_test}
    return tuple(graph.assets[number].key for number in sorted(tests.union(reached)) if graph.assets[number].executable)


def _counts(change: AssetChange) -> bool:
    return change.category is not Category.COSMETIC and change.change != "removed"


def plan_affected(
    place: Settings, production: Settings, keys: Collection[AssetKey], show: Callable[[str], None], *, wait_seconds: float
) -> Built:  # fmt: skip
    """Say what would be built, and build nothing. Raises WarehouseBusy where another process writes production's file."""
    gateway = DbtGateway(place, show)
    try:
        planned = plan_project(place, _wanted(keys, production, wait_seconds=wait_seconds), gateway)
    finally:
        gateway.close()
    return Built(tuple(_planned(planned, row) for row in planned.plan.rows if not planned.graph.assets[row.id].is_test))


def _planned(planned: Planned, row: PlanRow) -> BuildOutcome:
    asset = planned.graph.assets[row.id]
    status = "planned" if row.decision in (Decision.BUILD, Decision.MAYBE) else "reused" if row.decision is Decision.REUSE else "skipped"
    return BuildOutcome(asset.key, display(asset.key), status, message=row.reason.value)


def build_affected(
    place: Settings, production: Settings, keys: Collection[AssetKey], sink_for: Callable[[Planned], Sink], show: Callable[[str], None],
    stop: Stopper, placed: Placed, *, max_partitions: int, wait_seconds: float,
) -> Built:  # fmt: skip
    """Build and check the assets in the throw-away place.

    Raises WarehouseBusy where another process writes production's file, SelectionError where too many partitions are due.
    """
    gateway = DbtGateway(place, show)
    try:
        project = load_project(place, gateway)
    finally:
        gateway.close()
    wrote_outside = {key for key in keys if key in project.graph and _writes_outside(project.graph[key])}
    below = project.graph.descendants(project.graph.ids[key] for key in wrote_outside)
    left_out = wrote_outside | {project.graph.assets[number].key for number in below}
    kept = [key for key in keys if key in project.graph and key not in left_out]
    notes = tuple(f"{project.graph[key].name} is not built: it writes a file at a place of its own" for key in sorted(wrote_outside))
    if not kept:
        return Built(notes=notes)
    _show_sources(place, production, project, wait_seconds)
    wanted = _wanted(kept, production, max_partitions=max_partitions, wait_seconds=wait_seconds)
    report = build_project(place, wanted, sink_for, show, stop)
    return _built(report, _samples(place, report.run_id), placed, notes)


def _wanted(keys: Collection[AssetKey], production: Settings, *, max_partitions: int = 400, wait_seconds: float = 0) -> Wanted:
    return Wanted(
        select=("what", "changed"), keys=tuple(keys), command="ci", defer=True, defer_target=production.profile.name,
        max_partitions=max_partitions, wait_seconds=wait_seconds,
    )  # fmt: skip


def _writes_outside(asset: Asset) -> bool:
    """Whether a build would replace a file that production may read: an `external` model with a location of its own."""
    return asset.materialized == "external" and bool(asset.config.get("location"))


def _show_sources(place: Settings, production: Settings, project: Project, wait_seconds: float) -> None:
    """Make views of production's sources where this target would look for them: other tools load them there, and only there."""
    there = production.profile.database
    attach = [{"alias": there, "path": str(production.database_path), "type": "duckdb", "read_only": True}]
    warehouse = open_duckdb(place.database_path, place.profile.raw, read_only=False, wait_seconds=wait_seconds, attach=attach)
    with closing(warehouse), closing(warehouse.connect()) as connection:
        for relation in _missing_sources(warehouse, place, there, project):
            theirs = RelationName(there, relation.schema, relation.identifier)
            connection.execute(f"create schema if not exists {relation.schema_sql}")
            connection.execute(f"create or replace view {relation.sql} as select * from {theirs.sql}")


def _missing_sources(warehouse: DuckDBWarehouse, place: Settings, there: str, project: Project) -> Iterator[RelationName]:
    own = place.profile.database
    wanted = [
        RelationName(own, asset.relation.schema, asset.relation.identifier)
        for asset in project.graph.assets
        if asset.is_plain_source and asset.relation is not None and not (asset.source and asset.source.external_location)
        and asset.relation.normalised(own)[0] == own.lower()
    ]  # fmt: skip
    known = warehouse.catalog(sorted({(there, relation.schema) for relation in wanted}))
    return (one for one in wanted if RelationName(*RelationName(there, one.schema, one.identifier).normalised()) in known)


Samples = Mapping[tuple[AssetKey, AssetKey], tuple[Mapping[str, str], ...]]


def _samples(place: Settings, run_id: str) -> Samples:
    """Return rows that failed, as text by column, for each check and asset."""
    found: dict[tuple[AssetKey, AssetKey], tuple[Mapping[str, str], ...]] = {}
    with open_state(place, 0, read_only=True) as sql:
        for check, asset, row in sql.run("ci_samples", {"run_id": run_id, "most": _MOST_SAMPLES}):
            found[check, asset] = (*found.get((check, asset), ()), _as_text(row))
    return found


def _as_text(row: str) -> Mapping[str, str]:
    values = json.loads(row)
    return {str(name): "" if value is None else str(value) for name, value in values.items()} if isinstance(values, dict) else {"row": row}


def _built(report: Report, samples: Samples, placed: Placed, notes: tuple[str, ...]) -> Built:
    builds = tuple(_build(one, placed) for one in report.outcomes if not one.asset.is_test)
    checks = tuple(_check(report, one, samples, placed) for one in report.outcomes if one.asset.is_test)
    blocked = tuple(
        BuildOutcome(row.asset, display(row.asset), "error", message=f"{row.reason.value}: {row.detail}")
        for row in report.planned.plan.with_decision(Decision.BLOCKED)
    )
    hooks = (BuildOutcome("", "run hooks", "error", message=report.hook_error),) if report.hook_error else ()
    return Built((*builds, *blocked, *hooks), checks, notes)


def _build(one: Outcome, placed: Placed) -> BuildOutcome:
    message = "" if one.status is Status.SUCCESS else one.message
    status = "unpublished" if message.startswith(NOT_PUBLISHED) else one.status.value
    return BuildOutcome(one.asset.key, display(one.asset.key), status, one.seconds, one.rows, message, placed(one.asset))


def _check(report: Report, one: Outcome, samples: Samples, placed: Placed) -> CheckOutcome:
    graph = report.planned.graph
    tested = one.asset.test.attached_node if one.asset.test is not None else ""
    tested = tested or next((graph.assets[parent].key for parent in graph.parents[one.id]), "")
    rows = next((found for (check, _), found in samples.items() if check == one.asset.key), ())
    return CheckOutcome(
        one.asset.name, tested, one.status.value, one.failures, one.message, one.seconds, rows, placed(one.asset)
    )  # fmt: skip
