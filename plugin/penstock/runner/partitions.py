"""One asset with partitions in a run: what is due of it is decided at its turn, and written range by range, each with its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from penstock.assets.limits import NO_LIMITS
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSet
from penstock.assets.records import InputVersion, Materialization
from penstock.errors import PenstockError, ProjectError, WarehouseError
from penstock.parser.query import QueryFacts
from penstock.plan.partitioning import Due, Partitioning
from penstock.plan.planner import PlanRow
from penstock.plan.readings import How
from penstock.plan.reasons import Decision, Reason
from penstock.runner import through_dbt
from penstock.runner.context import RunContext
from penstock.runner.limits import Attempts
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.partition_claims import PartitionClaims
from penstock.runner.partition_looks import looked_at
from penstock.runner.partition_pace import Pace, joined
from penstock.runner.partition_publish import RangePublisher, Written
from penstock.runner.slice_writers import slice_writer
from penstock.state.writer import StateWriter

if TYPE_CHECKING:
    from penstock.dbt.nodes import Batch, NodeRunner

EXECUTOR = "native"

MOST_TOLD = 20
"""So many ranges that went wrong are told; each stands on record with what was wrong with it."""


class Publish(Protocol):
    """Writes and records one of several ranges, and returns what went wrong."""

    def __call__(self, parts: Sequence[PartitionRange], place: int, *, anew: bool) -> str: ...


@dataclass
class PartitionRun:
    """The partitions of one asset that are due in a run."""

    context: RunContext
    one: Partitioning
    due: tuple[Due, ...]
    started: datetime
    attempts: Attempts
    nodes: NodeRunner | None = None
    problems: list[str] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    volatile: str = ""
    size: int | None = 1
    columns: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    extra: tuple[InputVersion, ...] = ()
    claims: PartitionClaims = field(init=False)
    together: Callable[[Sequence[PartitionRange]], bool] | None = None

    def run(self) -> Outcome:
        """Write all ranges; one that fails does not hold up the others, but where the table could not be made at all."""
        context, number = self.context, self.one.number
        wanted = self._wanted()
        agreed = _whole_versions(self.one)
        try:
            self._refuse_mixture()
            publish_one = self._writing()
        except PenstockError as error:
            return context.outcome(number, context.failure, self.executor, str(error), self.started)
        anew = self._makes_table(wanted)
        lacking = wanted.intersect(self.one.lacking)
        parts = [*self._ordered(wanted.minus(lacking)), *lacking.ranges()]
        self.claims = PartitionClaims(context, self.one.key, parts)
        self._write_all(parts, publish_one, anew=anew)
        self._take_in()
        if self.problems:
            return context.outcome(number, context.failure, self.executor, _listed(self.problems), self.started, rows=self._rows)
        self.agree(agreed)
        done = sum(len(one.records) for one in self.written)
        message = f"{done} partition{'s' if done != 1 else ''}"
        return context.outcome(number, Status.SUCCESS, self.executor, message, self.started, rows=self._rows, volatile=self.volatile)

    def _write_all(self, parts: Sequence[PartitionRange], publish_one: Publish, *, anew: bool) -> None:
        """Write the ranges in order; once the table stands, as many at a time as the user or the model allows."""
        first = 0
        while anew and first < len(parts):
            if self._write(parts, first, publish_one, anew=True) and not self.written:
                for place in range(first + 1, len(parts)):
                    self._give_up(parts, place)  # there is no table to put them into
                return
            anew, first = False, first + 1
        most = self._at_once()
        if most == 1:
            self._write_in_turn(parts, first, publish_one)
        else:
            with ThreadPoolExecutor(max_workers=most, thread_name_prefix="penstock_partition") as pool:
                list(pool.map(lambda place: self._write(parts, place, publish_one, anew=False), range(first, len(parts))))

    def _write_in_turn(self, parts: Sequence[PartitionRange], first: int, publish_one: Publish) -> None:
        """Write the ranges from a place on, quick ones several in one transaction; where that fails, each by itself."""
        pace, place = Pace(), first
        while place < len(parts):
            started = self.context.clock()
            stop = self._claimed(place, place + pace.together(parts, place)) if self._may_share else place + 1
            if stop == place + 1 or not self._write_together(parts, place, stop):
                for each in range(place, stop):
                    self._write(parts, each, publish_one, anew=False)
            pace.took((self.context.clock() - started).total_seconds(), sum(map(len, parts[place:stop])))
            place = stop

    def _claimed(self, place: int, stop: int) -> int:
        """Claim what comes next, and return up to where, `stop` at the most, the ranges are claimed; one range at least."""
        if self._stopped:
            return place + 1
        try:
            self.claims.reach(place)
        except WarehouseError:  # another run publishes one of them: the range says so at its turn
            return place + 1
        return min(stop, self.claims.reached)

    @property
    def _may_share(self) -> bool:
        """Whether ranges may share a transaction: a `timeout` and checks are for each, and dbt runs one batch at a time."""
        return self.together is not None and self.attempts.limits.get(self.one.number, NO_LIMITS).timeout is None

    def _write_together(self, parts: Sequence[PartitionRange], place: int, stop: int) -> bool:
        """Write several ranges in one transaction; False where nothing came of it, so that each is to be tried by itself."""
        if self._stopped or self.together is None:
            return False
        group, problem = parts[place:stop], ""
        try:
            if not self.together(group):
                return False
        except WarehouseError as error:
            problem = f"it cannot be told whether it was committed: {error}"
            self.problems.append(f"{joined(group)}: {problem}")
        self._tell(joined(group), problem, stop, len(parts))
        return True

    @property
    def _stopped(self) -> bool:
        return self.context.stopping.is_set() or self.context.draining.is_set()

    def _tell(self, part: PartitionRange, problem: str, done: int, total: int) -> None:
        if self.context.on_partitions is not None:
            self.context.on_partitions(self.context.graph.assets[self.one.number], part, problem, done, total)

    def _at_once(self) -> int:
        asset = self.context.graph.assets[self.one.number]
        wish = asset.config.get("concurrent_batches")
        if self.nodes is not None or wish is False:
            return 1
        return max(self.context.max_active, self.context.threads if wish else 1)

    def _write(self, parts: Sequence[PartitionRange], place: int, publish_one: Publish, *, anew: bool) -> str:
        """Write one range unless the run is being stopped; return what went wrong."""
        if self._stopped:
            self._give_up(parts, place)
            return "not started"
        try:
            self.claims.reach(place)
            problem = self.attempts.run_range(self.one.number, parts[place], lambda: publish_one(parts, place, anew=anew))
        except WarehouseError as error:  # another run publishes one of them
            problem = str(error)
        if problem:
            self.problems.append(f"{parts[place]}: {problem}")
        self._tell(parts[place], problem, place + 1, len(parts))
        return problem

    def _give_up(self, parts: Sequence[PartitionRange], place: int) -> None:
        self.problems.append(f"{parts[place]}: not started")
        self.claims.release(place)

    @property
    def executor(self) -> str:
        """Who runs it."""
        return EXECUTOR if self.nodes is None else through_dbt.EXECUTOR

    def _refuse_mixture(self) -> None:
        """Raise ProjectError where rows would stand in two partitions: those held are cut by another column or zone."""
        one = self.one
        if one.cut_otherwise and (one.protected or one.key in self.context.facts.chosen):
            wish = "full_refresh: false" if one.protected else "--partition"
            raise ProjectError(
                "its partitions are those of another column or time zone than what it holds, so that all must be built anew",
                hint=f"Build it without `{wish}`.",
            )

    def _writing(self) -> Publish:
        """Return what publishes one range; what all of them read alike is looked at before."""
        asset = self.context.graph.assets[self.one.number]
        if self.nodes is None:
            writer = slice_writer(self.context, self.one)
            facts, self.size = writer.facts, writer.size
            base = self.context.partition_publication(self.one.number, facts, self.started)
            self.volatile = base.volatile
            publisher = RangePublisher(self.context, self.one, writer, base, self._inputs, self.written)
            self.together = publisher.publish_together if base.checks is None else None  # a check looks at one slice
            how: Publish = publisher.publish
        else:
            facts, self.size = self.context.queries.get(asset)[1], 1
            how = partial(self._publish_through_dbt, self.nodes, [])
        self.columns = self.context.read_columns(self.one.number, facts)
        self.extra = self._beyond_the_graph(facts)
        return how

    def _wanted(self) -> PartitionSet:
        found = self.one.spec.none()
        for due in self.due:
            found = found.union(due.partitions)
        return found

    def _makes_table(self, wanted: PartitionSet) -> bool:
        relation = self.context.graph.assets[self.one.number].relation
        stands = relation is not None and self.context.existing_type(relation) == "table"
        everything = not self.one.existing.minus(self.one.waiting).minus(wanted)
        return not stands or not self.one.ledger or (self.one.anew is not None and everything)

    def _ordered(self, wanted: PartitionSet) -> list[PartitionRange]:
        parts = list(wanted.chunks(self.size))
        if self.context.newest_first:
            return sorted(parts, key=lambda part: (-part.stop, part.coordinate))
        return sorted(parts, key=lambda part: (part.first, part.coordinate))

    def _beyond_the_graph(self, facts: QueryFacts) -> tuple[InputVersion, ...]:
        """Return what every partition reads that is no asset: files that belong to none of them, tables nobody declared."""
        consumed = self.context.consumed(self.one.number, facts, view=False)
        known = {reading.name for reading in self.one.readings} | self.one.looked.files.keys()
        return tuple(seen for seen in consumed if seen.input not in self.context.graph and seen.input not in known)

    def _inputs(self, part: PartitionRange) -> dict[str, tuple[InputVersion, ...]]:
        return {one.key: (*self.one.consumed(one, self.columns), *self.extra) for one in part}

    def _publish_through_dbt(
        self, nodes: NodeRunner, batches: list[Batch], parts: Sequence[PartitionRange], place: int, *, anew: bool
    ) -> str:
        """Run one batch through dbt; return what went wrong. `batches` becomes all batches of the run, which dbt counts."""
        if not batches:
            batches += map(through_dbt.batch_of, parts)
        key = parts[place].first_key
        inputs = self._inputs(parts[place])
        record, problem = through_dbt.run_batch(self.context, nodes, self.one.number, (batches, place), inputs[key], anew=anew)
        if record is not None:
            self.written.append(Written({key: record}, inputs, anew))
        return problem

    def _take_in(self) -> None:
        """Let those who read the asset next see what was committed; all that it holds counts."""
        if not self.written:
            return
        context, key = self.context, self.one.key
        records = {partition: record for one in self.written for partition, record in one.records.items()}
        inputs = {partition: consumed for one in self.written for partition, consumed in one.inputs.items()}
        last = max(records, key=lambda partition: records[partition].token)
        record, asset = records[last], context.graph.assets[self.one.number]
        version = str(context.statements().run("version_of", {"asset": key})[0][0])
        made = Materialization(
            key, last, record.run_id, record.token, record.code_version, version, None, str(asset.relation or ""), record.committed_at,
            "table", self.volatile, frozenset({record.fingerprint}),
        )  # fmt: skip
        context.built_partitions(made, records, inputs, anew=any(one.anew for one in self.written))

    @property
    def _rows(self) -> int:
        return sum(record.rows for one in self.written for record in one.records.values())

    def agree(self, agreed: Mapping[str, str | None]) -> None:
        """Note that everything held agrees with what the inputs held when they were looked at, if all of it was considered."""
        known = {name: version for name, version in agreed.items() if version is not None}
        if known and self.one.key not in self.context.facts.chosen:
            StateWriter(self.context.statements()).agree(self.context.run_id, self.one.key, known)


def run_partitions(context: RunContext, number: int, attempts: Attempts, nodes: NodeRunner | None) -> tuple[Outcome, list[PlanRow]]:
    """Decide what is due of an asset's partitions, run it, through dbt if `nodes` are given; return how it ended and what was decided."""
    started = context.clock()
    one = looked_at(context, number)
    due = one.due()
    if not due:
        PartitionRun(context, one, (), started, attempts).agree(_whole_versions(one))
        row = PlanRow(number, one.key, Decision.REUSE, Reason.UNCHANGED_INPUT)
        return context.outcome(number, Status.REUSED, "", row.reason.value, started), [row]
    if any(reading.compared is How.EVENT_TIME and reading.name not in one.looked.slices for reading in one.readings):
        one = looked_at(context, number, to_build=True)
    rows = [PlanRow(number, one.key, Decision.BUILD, each.reason, each.detail, (each,)) for each in due]
    return PartitionRun(context, one, due, started, attempts, nodes).run(), rows


def _listed(problems: Sequence[str]) -> str:
    more = len(problems) - MOST_TOLD
    return "\n".join([*problems[:MOST_TOLD], *([f"and {more:,} more: see `penstock runs show`"] if more > 0 else [])])


def _whole_versions(one: Partitioning) -> dict[str, str | None]:
    return {reading.name: one.whole_version(reading) for reading in one.readings if reading.compared is How.EVENT_TIME}
