"""The use case `build`: the plan's own list, run, with everything recorded on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from penstock.app.compiled import CompiledQueries
from penstock.app.gateway import DbtGateway
from penstock.app.holding import held_database
from penstock.app.measured import measured_in
from penstock.app.planning import Planned, Wanted, deferred_target, open_target, plan_with
from penstock.app.project import load_project
from penstock.app.recording import Recording
from penstock.app.runs import git_sha, new_run_id, utc_now
from penstock.app.selecting import select_assets
from penstock.app.settings import Settings
from penstock.app.untouched import is_untouched, note_untouched, stands_as_recorded
from penstock.assets.asset import Asset
from penstock.assets.limits import NO_LIMITS, limits_in
from penstock.assets.metrics import Level
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.partition_range import PartitionRange
from penstock.errors import Location, ProjectError, StateError
from penstock.graph.gates import contract, order_of, run_order
from penstock.plan.reasons import Decision
from penstock.plan.schedule import Schedule
from penstock.runner.audit import audits_of, groups_of
from penstock.runner.context import RunContext
from penstock.runner.deciding import Deciding
from penstock.runner.execute import Loop
from penstock.runner.limits import Attempts
from penstock.runner.native import run_native
from penstock.runner.outcomes import Outcome, Sink, Status
from penstock.runner.through_dbt import run_through_dbt
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse
from penstock.warehouse.files import observe_files


@dataclass(frozen=True, slots=True)
class Report:
    """How a build ended; counts are of assets and tests."""

    run_id: str
    planned: Planned
    outcomes: tuple[Outcome, ...]
    seconds: float
    hook_error: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything that was to run did, and no test failed."""
        return not self.hook_error and not any(outcome.status.holds_back for outcome in self.outcomes) and not self.counts.get("BLOCKED")

    @property
    def built(self) -> frozenset[AssetKey]:
        """The assets that were built without a failure."""
        return frozenset(outcome.asset.key for outcome in self.outcomes if outcome.status is Status.SUCCESS)


Show = Callable[[str], None]


def build_project(
    settings: Settings, wanted: Wanted, sink_for: Callable[[Planned], Sink], show: Show, stop: Stopper,
    on_planned: Callable[[Planned, Statements], None] | None = None,
) -> Report:  # fmt: skip
    """Bring the selection up to date; `on_planned` hears of the plan before anything runs.

    Raises WarehouseBusy where another process holds the database; failures of single assets are in the report.
    """
    started = utc_now()
    if not wanted.builds and not settings.database_path.exists():
        raise StateError(f"{settings.database_path.name} does not exist yet: there is nothing to check", hint="Run `penstock build` first.")
    with ExitStack() as stack:
        run_id = new_run_id(started)
        settings.database_path.parent.mkdir(parents=True, exist_ok=True)
        stack.enter_context(held_database(settings, wanted.command, wanted.wait_seconds, now=started, run_id=run_id))
        untouched = is_untouched(settings)
        noted = stack.enter_context(ExitStack())  # what it is given runs once everything is closed
        gateway = DbtGateway(settings, show, full_refresh=wanted.full_refresh, store_failures=wanted.store_failures)
        stack.callback(gateway.close)
        project = load_project(settings, gateway)
        selection = select_assets(settings, project, wanted)
        sha = git_sha(settings.root)
        other = deferred_target(settings, wanted)
        warehouse = open_target(settings, wanted, other, read_only=False)
        stack.callback(warehouse.close)
        stack.callback(gateway.close)  # dbt's own connections go first, or the file stays locked
        migrate(Statements(warehouse.connect(), settings.file.state_schema))
        queries = CompiledQueries(settings.work / "compiled.json", gateway, warehouse.capabilities.dialect)
        planned = plan_with(settings, project, selection, wanted, warehouse, queries, other, untouched=untouched)
        planned.refuse_surprises()
        if on_planned is not None:
            on_planned(planned, Statements(warehouse.connect(), settings.file.state_schema))
        report = _Build(planned, warehouse, gateway, queries, run_id, started, sha, show, stop).run(sink_for(planned))
        alone = not project.hooks and not any(outcome.executor == "dbt" for outcome in report.outcomes)
        if alone and stands_as_recorded(planned.facts, report.built, untouched=untouched):
            noted.callback(note_untouched, settings)  # code of the project's own may write what it likes
        return report


class Stopper:
    """How signals reach a run: a context to stop once there is one."""

    def __init__(self) -> None:
        self.context: RunContext | None = None
        self.on_partitions: Callable[[Asset, PartitionRange, str, int, int], None] | None = None

    def drain(self) -> None:
        """Start nothing more; what runs may finish."""
        if self.context is not None:
            self.context.draining.set()

    def interrupt(self) -> None:
        """Stop what runs and roll it back."""
        if self.context is not None:
            self.context.interrupt()


class _Build:
    """One build: from a plan to its outcomes, with everything recorded on the way."""

    def __init__(
        self, planned: Planned, warehouse: DuckDBWarehouse, gateway: DbtGateway, queries: CompiledQueries, run_id: str,
        started: datetime, sha: str, show: Show, stop: Stopper,
    ) -> None:  # fmt: skip
        self.planned = planned
        self.settings = planned.settings
        self.graph = planned.graph
        self.gateway = gateway
        self.warehouse = warehouse
        self.run_id = run_id
        self.started = started
        self.sha = sha
        self.show = show
        self.stop = stop
        self.queries = queries
        self.context = RunContext(
            run_id=run_id,
            facts=planned.facts,
            warehouse=warehouse,
            schema=self.settings.file.state_schema,
            queries=self.queries,
            clock=utc_now,
            project_folder=self.settings.root,
            working_folder=Path.cwd(),
            existing=dict(planned.facts.standing),
            observe_files=partial(observe_files, content=self.settings.file.evidence.files == "content"),
            transactions=not self.settings.profile.raw.get("disable_transactions"),
            on_interrupt=gateway.cancel,
            newest_first=planned.wanted.newest_first,
            max_active=planned.wanted.max_active,
            threads=self.settings.threads,
            metrics=measured_in(self.graph, Level(self.settings.file.metrics)),
            on_partitions=stop.on_partitions,
            checks_chosen=not planned.wanted.builds,
            warn_error=planned.wanted.warn_error,
        )
        self.writer = StateWriter(self.context.statements())
        self.recording = Recording(planned, self.context, self.writer)
        self.maybe = {row.id: row for row in planned.plan.with_decision(Decision.MAYBE)}
        self.due = sorted({row.id for row in planned.plan.with_decision(Decision.BUILD)} | self.maybe.keys())
        file = self.settings.file
        self.limits = limits_in(self.graph.assets, file.defaults.limits(Location("penstock.yml")), file.pools)
        self.attempts = Attempts(self.context, self.limits, self._interrupt_dbt, tell=show)
        before = audits_of(self.graph, self.due, self._is_native_asset, planned.facts.specs)
        self.context.audits.plan(before)
        timed = {number for number in self.due if self.limits.get(number, NO_LIMITS).timeout is not None}  # its time is nobody else's
        self.context.shared_scans.plan(groups_of(self.graph, self.due, self._is_native_asset, before, timed))
        self.deciding = Deciding(self.context, self.maybe, self._execute, self._is_native, gateway.nodes, attempts=self.attempts)

    def run(self, sink: Sink) -> Report:
        """Run the plan and return the report; the run's end is recorded whatever happens."""
        self.stop.context = self.context
        self.recording.start(self.started, self.sha)
        outcomes: list[Outcome] = []
        hook_error = ""
        finished = False
        try:
            if self.due:
                hook_error = self._prepare()
                if not hook_error:
                    outcomes = self._loop(sink).run()
                    hook_error = self._end_hooks(outcomes)
            finished = True
        finally:
            report = Report(
                self.run_id, self.planned, tuple(outcomes), (utc_now() - self.started).total_seconds(), hook_error,
                self._counts(outcomes),
            )  # fmt: skip
            unused = [(outcome.asset.key, "") for outcome in outcomes if outcome.status in (Status.SKIPPED, Status.REUSED)]
            self.writer.release(self.run_id, unused)
            self.recording.decided(self.deciding.decided)
            self.recording.found(report.built, self.queries, self.show, compiles=self.gateway.is_open)
            self.recording.end(report.counts, ok=report.ok, finished=finished)
            self.queries.save({asset.fingerprint for asset in self.graph.assets})
            self.context.close()
        return report

    def _counts(self, outcomes: Sequence[Outcome]) -> dict[str, int]:
        counts = {"REUSED": self.planned.plan.count(Decision.REUSE), "BLOCKED": self.planned.plan.count(Decision.BLOCKED)}
        for outcome in outcomes:
            counts[outcome.status.name] = counts.get(outcome.status.name, 0) + 1  # REUSED adds to what the plan reused
        return counts

    def _prepare(self) -> str:
        """Make schemas, open dbt where it is needed, run start hooks and claim everything; return a hook's error."""
        assets = [self.graph.assets[number] for number in self.due]
        self._create_schemas([asset.relation for asset in assets if asset.relation is not None])
        through_dbt = [asset for asset in assets if self.planned.executor(asset) == "dbt"]
        hooks = self.planned.project.hooks
        if through_dbt or hooks or any(asset.ingest is None and not self.queries.has(asset) for asset in assets):
            session = self.gateway.session()
            if self.planned.deferral is not None:
                session.point_elsewhere({key: there for key, (_, there) in self.planned.deferral.relations.items()})
            if through_dbt or hooks:
                self.gateway.prepare([asset.key for asset in through_dbt])
                self.context.on_built = self._tell_dbt
        else:
            self.gateway.close()  # dbt has parsed and is not needed again: its memory is worth more than its session
        if hooks:
            error = self.gateway.nodes().run_hooks("on-run-start")
            if error:
                return error
        slices = [(asset.key, "") for asset in assets if asset.builds_relation and asset.key not in self.planned.facts.specs]
        self.context.hold(self.writer.claim(self.run_id, slices, utc_now()))
        return ""

    def _end_hooks(self, outcomes: Sequence[Outcome]) -> str:
        if not self.planned.project.hooks or self.context.stopping.is_set():
            return ""
        nodes = self.gateway.nodes()
        for outcome in outcomes:
            if outcome.executor != "dbt" and outcome.asset.ingest is None:
                nodes.native_result(outcome.asset.key, outcome.status.value, outcome.message, outcome.seconds)
        return nodes.run_hooks("on-run-end")

    def _tell_dbt(self, key: str, relation_type: str) -> None:
        asset = self.graph[key]
        if asset.ingest is None and self.gateway.is_open:
            self.gateway.session().built_natively(key, relation_type)

    def _create_schemas(self, relations: Sequence[RelationName]) -> None:
        connection = self.context.statements().connection
        for schema in sorted({relation.schema_sql for relation in relations}):
            connection.execute(f"create schema if not exists {schema}")

    def _loop(self, sink: Sink) -> Loop:
        waits = run_order(self.graph) if self.planned.wanted.builds else [set() for _ in self.graph.assets]  # tests alone wait for nothing
        pools = {number: self.limits.get(number, NO_LIMITS).pool for number in self.due}
        schedule = Schedule(contract(waits, set(self.due), order_of(waits)), pools, self.settings.file.pools)
        return Loop(
            context=self.context,
            schedule=schedule,
            handler=self.deciding,
            executor_of=self.planned.executor,
            sink=sink,
            total=len(self.due),
            threads=self.settings.threads,
            fail_fast=self.planned.wanted.fail_fast,
        )

    def _is_native(self, number: int) -> bool:
        return self._is_native_asset(self.graph.assets[number])

    def _is_native_asset(self, asset: Asset) -> bool:
        return not self.planned.obstacles(asset)

    def _execute(self, number: int) -> Outcome:
        asset = self.graph.assets[number]
        obstacles = self.planned.obstacles(asset)
        if obstacles and self.planned.wanted.executor == "native":
            raise ProjectError(f"--executor native does not cover: {', '.join(obstacles)}")
        if obstacles:
            return run_through_dbt(self.context, self.attempts.nodes(self.gateway.nodes()), number)
        return run_native(self.context, number)

    def _interrupt_dbt(self, thread: int) -> None:
        if self.gateway.is_open:
            from penstock.dbt.interrupt import interrupt_thread

            interrupt_thread(self.gateway.session(), thread)
