"""Writing ranges of an asset's partitions natively: one in a transaction, or several, each partition with its record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from penstock.assets.partition_range import PartitionRange
from penstock.assets.records import InputVersion, PartitionRecord
from penstock.errors import CheckFailed, CommitLost, PenstockError, WarehouseError
from penstock.plan.names import few
from penstock.plan.partitioning import Partitioning
from penstock.runner.commit import Publication, publish
from penstock.runner.context import RunContext
from penstock.runner.outcomes import Status
from penstock.runner.partition_commit import PartitionPublication
from penstock.runner.partition_pace import joined
from penstock.runner.slice_writers import SliceWriter
from penstock.state.store import Statements


@dataclass(frozen=True, slots=True)
class Written:
    """What was committed of one range, by partition key; `anew`: it made the table."""

    records: Mapping[str, PartitionRecord]
    inputs: Mapping[str, tuple[InputVersion, ...]]
    anew: bool


@dataclass(frozen=True)
class RangePublisher:
    """What publishes ranges of one asset. `base` is what the records of all ranges say, `inputs` what each partition consumes.

    What is committed is added to `written`.
    """

    context: RunContext
    one: Partitioning
    writer: SliceWriter
    base: Publication
    inputs: Callable[[PartitionRange], Mapping[str, tuple[InputVersion, ...]]]
    written: list[Written]

    def publish(self, parts: Sequence[PartitionRange], place: int, *, anew: bool) -> str:
        """Write and record one range; return what went wrong."""
        what = self._publication(parts[place], anew=anew)
        try:
            self._commit(what, parts[place : place + 1])
        except PenstockError as error:
            if isinstance(error, CheckFailed) and len(parts[place]) > 1:
                return self._one_by_one(parts[place], anew=anew)
            status = "cancelled" if self.context.failure is Status.CANCELLED else "failed"
            what.record_failure(self.context.statements(), status, str(error), self.context.clock())
            return str(error)
        return ""

    def _one_by_one(self, part: PartitionRange, *, anew: bool) -> str:
        """Publish each partition of a range in which a check found something by itself; return what is wrong with which."""
        if self.base.checks is not None:
            self.base.checks.forget(str(part))
        problems: list[str] = []
        for each in part.split(1):
            problem = self.publish([each], 0, anew=anew)
            anew = anew and bool(problem)
            problems += [problem] if problem else []
        return "; ".join(problems)

    def publish_together(self, group: Sequence[PartitionRange]) -> bool:
        """Write and record several ranges; whether they were committed. Raises WarehouseError where that cannot be told."""
        what = self._publication(joined(group), anew=False)
        try:
            self._commit(what, group)
        except Exception:  # noqa: BLE001 (whatever it was shows again when each range is tried by itself)
            try:
                records = what.read_back(self.context.statements())
            except CommitLost:
                return False
            self.written.append(Written(records, what.inputs, anew=False))
        return True

    def _publication(self, part: PartitionRange, *, anew: bool) -> PartitionPublication:
        context, key = self.context, self.one.key
        tokens = {one.key: context.tokens[key, one.key] for one in part}
        shared = replace(self.base, recreates=anew, started_at=context.clock())
        dialect = context.warehouse.capabilities.dialect
        return PartitionPublication(shared, part, tokens, self.inputs(part), dialect, self.writer.columns)

    def _commit(self, what: PartitionPublication, group: Sequence[PartitionRange]) -> None:
        """Write some ranges and record them in one transaction. Raises what publishing raises."""
        context, anew = self.context, bool(what.what.recreates)
        sql = context.statements(ingest=context.graph.assets[self.one.number].ingest is not None)

        def write() -> None:
            for part in group:
                self._fill(sql, part, anew=anew)

        records = publish(sql, what, write, context.clock)
        self.written.append(Written(records, what.inputs, anew))

    def _fill(self, sql: Statements, part: PartitionRange, *, anew: bool) -> None:
        if next(iter(part)) in self.one.lacking:
            raise WarehouseError(f"no file matches {few([*self.one.looked.files])}, and this ingestion is `required`")
        self.writer.write(sql, part, anew=anew)
