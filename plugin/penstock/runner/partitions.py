"""One asset with partitions in a run: what is due of it is decided at its turn, and written range by range, each with its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSet
from penstock.assets.records import InputVersion, Materialization, PartitionRecord
from penstock.errors import PenstockError
from penstock.parser.query import QueryFacts
from penstock.plan.facts import NOT_LOOKED
from penstock.plan.partitioning import Due, Partitioning
from penstock.plan.planner import PlanRow
from penstock.plan.readings import How
from penstock.plan.reasons import Decision, Reason
from penstock.runner import through_dbt
from penstock.runner.commit import publish
from penstock.runner.context import RunContext
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.partition_commit import PartitionPublication
from penstock.runner.slice_writers import SliceWriter, slice_writer
from penstock.state.slices import slices_of
from penstock.state.writer import StateWriter

if TYPE_CHECKING:
    from penstock.dbt.nodes import NodeRunner

EXECUTOR = "native"


class Publish(Protocol):
    """Writes and records one of several ranges, and returns what went wrong."""

    def __call__(self, parts: Sequence[PartitionRange], place: int, *, anew: bool) -> str: ...


def looked_at(context: RunContext, number: int) -> Partitioning:
    """Return an asset's partitions as they are now: the slices of its inputs are looked at where the record does not settle it."""
    facts, asset = context.facts, context.graph.assets[number]
    looked = facts.looked.get(asset.key, NOT_LOOKED)
    one = Partitioning(facts, context.versions, number, replace(looked, slices={}))
    cut = [reading for reading in one.readings if reading.how is How.EVENT_TIME and (one.missing or not one.agreed(reading.name))]
    if not cut:
        return one
    columns = context.read_columns(number, context.queries.get(asset)[1])
    dialect = context.warehouse.capabilities.dialect
    slices = {
        reading.name: slices_of(
            context.statements(), context.graph[reading.name].relation, reading.event_time.strip('"'), one.existing, dialect,
            columns.get(reading.name),
        )
        for reading in cut
    }  # fmt: skip
    return Partitioning(facts, context.versions, number, replace(looked, slices=slices))


@dataclass
class PartitionRun:
    """The partitions of one asset that are due in a run."""

    context: RunContext
    one: Partitioning
    due: tuple[Due, ...]
    started: datetime
    nodes: NodeRunner | None = None
    problems: list[str] = field(default_factory=list)
    done: int = 0
    rows: int = 0
    volatile: str = ""
    size: int | None = 1
    columns: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    extra: tuple[InputVersion, ...] = ()

    def run(self) -> Outcome:
        """Write all ranges; one that fails does not hold up the others, but where the table could not be made at all."""
        context, number = self.context, self.one.number
        wanted = self._wanted()
        agreed = _whole_versions(self.one)
        try:
            publish_one = self._writing()
        except PenstockError as error:
            return context.outcome(number, context.failure, self.executor, str(error), self.started)
        tokens = StateWriter(context.statements()).claim(context.run_id, [(self.one.key, one.key) for one in wanted], self.started)
        context.hold(tokens)
        anew = self._makes_table(wanted)
        self._write_all(self._ordered(wanted), publish_one, anew=anew)
        if self.problems:
            return context.outcome(number, context.failure, self.executor, "\n".join(self.problems), self.started, rows=self.rows)
        self.agree(agreed)
        message = f"{self.done} partition{'s' if self.done != 1 else ''}"
        return context.outcome(number, Status.SUCCESS, self.executor, message, self.started, rows=self.rows, volatile=self.volatile)

    def _write_all(self, parts: Sequence[PartitionRange], publish_one: Publish, *, anew: bool) -> None:
        """Write the ranges in order; once the table stands, as many at a time as the user or the model allows."""
        first = 0
        while anew and first < len(parts):
            if self._write(parts, first, publish_one, anew=True):
                for part in parts[first + 1 :]:
                    self._give_up(part)  # there is no table to put them into
                return
            anew, first = False, first + 1
        most = self._at_once()
        if most == 1:
            for place in range(first, len(parts)):
                self._write(parts, place, publish_one, anew=False)
        else:
            with ThreadPoolExecutor(max_workers=most, thread_name_prefix="penstock_partition") as pool:
                list(pool.map(lambda place: self._write(parts, place, publish_one, anew=False), range(first, len(parts))))

    def _at_once(self) -> int:
        asset = self.context.graph.assets[self.one.number]
        if self.nodes is not None or asset.config.get("concurrent_batches") is False:
            return 1
        return self.context.max_active

    def _write(self, parts: Sequence[PartitionRange], place: int, publish_one: Publish, *, anew: bool) -> str:
        """Write one range unless the run is being stopped; return what went wrong."""
        if self.context.stopping.is_set() or self.context.draining.is_set():
            self._give_up(parts[place])
            return "not started"
        problem = publish_one(parts, place, anew=anew)
        if problem:
            self.problems.append(f"{parts[place]}: {problem}")
        if self.context.on_partitions is not None:
            asset = self.context.graph.assets[self.one.number]
            self.context.on_partitions(asset, parts[place], problem, place + 1, len(parts))
        return problem

    def _give_up(self, part: PartitionRange) -> None:
        self.problems.append(f"{part}: not started")
        StateWriter(self.context.statements()).release(self.context.run_id, [(self.one.key, one.key) for one in part])

    @property
    def executor(self) -> str:
        """Who runs it."""
        return EXECUTOR if self.nodes is None else through_dbt.EXECUTOR

    def _writing(self) -> Publish:
        """Return what publishes one range; what all of them read alike is looked at before."""
        asset = self.context.graph.assets[self.one.number]
        if self.nodes is None:
            writer = slice_writer(self.context, self.one)
            facts, self.size = writer.facts, writer.size
            how: Publish = partial(self._publish, writer)
        else:
            facts, self.size = self.context.queries.get(asset)[1], 1
            how = partial(self._publish_through_dbt, self.nodes)
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

    def _publish_through_dbt(self, nodes: NodeRunner, parts: Sequence[PartitionRange], place: int, *, anew: bool) -> str:
        """Run one batch through dbt; return what went wrong."""
        key = parts[place].first_key
        inputs = self._inputs(parts[place])
        batches = [through_dbt.batch_of(one) for one in parts]
        record, problem = through_dbt.run_batch(self.context, nodes, self.one.number, (batches, place), inputs[key], anew=anew)
        if record is not None:
            self._take_in({key: record}, inputs, anew=anew)
        return problem

    def _publish(self, writer: SliceWriter, parts: Sequence[PartitionRange], place: int, *, anew: bool) -> str:
        """Write and record one range; return what went wrong."""
        context, key, part = self.context, self.one.key, parts[place]
        sql = context.statements(ingest=context.graph.assets[self.one.number].ingest is not None)
        base = context.partition_publication(self.one.number, writer.facts, context.clock())
        inputs = self._inputs(part)
        tokens = {one.key: context.tokens[key, one.key] for one in part}
        base = replace(base, recreates=anew)
        what = PartitionPublication(base, part, tokens, inputs, context.warehouse.capabilities.dialect)
        try:
            records = publish(sql, what, lambda: writer.write(sql, part, anew=anew), context.clock)
        except PenstockError as error:
            status = "cancelled" if context.failure is Status.CANCELLED else "failed"
            what.record_failure(context.statements(), status, str(error), context.clock())
            return str(error)
        self.volatile = base.volatile
        self._take_in(records, inputs, anew=anew)
        return ""

    def _take_in(self, records: Mapping[str, PartitionRecord], inputs: Mapping[str, tuple[InputVersion, ...]], *, anew: bool) -> None:
        context, key = self.context, self.one.key
        version = str(context.statements().run("version_of", {"asset": key})[0][0])
        self.done += len(records)
        self.rows += sum(record.rows for record in records.values())
        last = list(inputs)[-1]
        record, asset = records[last], context.graph.assets[self.one.number]
        made = Materialization(
            key, last, record.run_id, record.token, record.code_version, version, None, str(asset.relation or ""), record.committed_at,
            "table", self.volatile, frozenset({record.fingerprint}),
        )  # fmt: skip
        context.built_partitions(made, records, inputs, anew=anew)

    def agree(self, agreed: Mapping[str, str | None]) -> None:
        """Note that everything held agrees with what the inputs held when they were looked at, if all of it was considered."""
        known = {name: version for name, version in agreed.items() if version is not None}
        if known and self.one.key not in self.context.facts.chosen:
            StateWriter(self.context.statements()).agree(self.context.run_id, self.one.key, known)


def run_partitions(context: RunContext, number: int, nodes: NodeRunner | None) -> tuple[Outcome, list[PlanRow]]:
    """Decide what is due of an asset's partitions, run it, through dbt if `nodes` are given; return how it ended and what was decided."""
    started = context.clock()
    one = looked_at(context, number)
    due = one.due()
    if not due:
        PartitionRun(context, one, (), started).agree(_whole_versions(one))
        row = PlanRow(number, one.key, Decision.REUSE, Reason.UNCHANGED_INPUT)
        return context.outcome(number, Status.REUSED, "", row.reason.value, started), [row]
    rows = [PlanRow(number, one.key, Decision.BUILD, each.reason, each.detail, (each,)) for each in due]
    return PartitionRun(context, one, due, started, nodes).run(), rows


def _whole_versions(one: Partitioning) -> dict[str, str | None]:
    return {reading.name: one.whole_version(reading.name) for reading in one.readings if reading.how is How.EVENT_TIME}
