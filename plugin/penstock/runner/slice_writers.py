"""How slices of a table are made and put in their place: dbt's batches, models with partitions, ingestion files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from functools import cached_property
from typing import Protocol

from penstock.assets.asset import Asset
from penstock.assets.grains import Grain
from penstock.assets.names import RelationName
from penstock.assets.partition_mapping import upstream
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSet
from penstock.compiler.batches import EPHEMERAL, BatchQuery, batch_query, delete_slice
from penstock.compiler.content import Columns
from penstock.compiler.partition_filter import filtered
from penstock.compiler.restrict import distributes, restricted
from penstock.compiler.schema_change import Alignment, aligned
from penstock.compiler.slice_bounds import PARTITION, bounded, names_in
from penstock.compiler.slices import WITHOUT_ZONE, conditions_of, where
from penstock.errors import ProjectError, WarehouseError
from penstock.parser.query import QueryFacts
from penstock.plan.partitioning import Partitioning
from penstock.plan.readings import How
from penstock.runner.context import RunContext
from penstock.runner.ingest_slices import STAGE, IngestSlices
from penstock.state.store import Statements
from penstock.warehouse.failpoints import failpoint

_COLUMNS_BY_ROWS = re.compile(r"\bpivot|\bquery(_table)?\b", re.IGNORECASE)
"""What may give a query other columns for other rows."""


class SliceWriter(Protocol):
    """Writes ranges of partitions of one asset inside open transactions; `size` is how many one query may cover, None: any number.

    `columns` are the table's once it is sure that no later range changes them.
    """

    columns: Columns | None

    @property
    def facts(self) -> QueryFacts:
        """What the query reads."""

    @property
    def size(self) -> int | None:
        """How many partitions one query may cover."""

    def write(self, sql: Statements, part: PartitionRange, *, anew: bool) -> None:
        """Make the table with a slice, or put the slice in the place of the one that stands. Raises WarehouseError."""


def slice_writer(context: RunContext, one: Partitioning) -> SliceWriter:
    """Return the writer for an asset. Raises ProjectError for a model whose partitions only dbt could write, and cannot."""
    asset = context.graph.assets[one.number]
    if asset.relation is None:
        raise WarehouseError(f"{asset.key} has no relation")
    if asset.ingest is not None:
        return IngestSlices(context, one, asset.relation, asset.ingest)
    sql, facts = context.queries.get(asset)
    if asset.microbatch:
        return Batches(context, one, asset.relation, sql, facts)
    if asset.obstacles:
        raise ProjectError(f"{asset.name} has partitions, and needs dbt for: {', '.join(asset.obstacles)}", hint="Leave one of them out.")
    return ModelSlices(context, one, asset.relation, sql, facts)


@dataclass
class _ModelWriter:
    context: RunContext
    one: Partitioning
    relation: RelationName
    sql: str
    facts: QueryFacts
    columns: Columns | None = None
    _settled: Alignment | None = None
    _coming: Columns | None = None
    _input_columns: dict[RelationName, Columns] = field(default_factory=dict)

    @property
    def asset(self) -> Asset:
        return self.context.graph.assets[self.one.number]

    @property
    def dialect(self) -> str:
        return self.context.warehouse.capabilities.dialect

    @cached_property
    def size(self) -> int | None:
        """As many at once as the model says, else all where several at once give what each by itself gives."""
        said = self.asset.penstock.get("batch")
        if said is not None:
            return said if isinstance(said, int) and said > 0 else None
        time = self.one.spec.time
        return None if time is not None and distributes(self.sql, time.column, self.cut, self.dialect, self._grain_without_zone) else 1

    @property
    def _grain_without_zone(self) -> Grain | None:
        """How long a period is; None where a time that is cut to it has a zone, or is none."""
        try:
            read = [(column, self.input_columns(self.context.statements(), relation)) for relation, column in self.cut.items()]
        except WarehouseError:
            return None  # the ranges that read it will say so
        zoneless = all({name.lower(): kind for name, kind in columns}.get(column.lower()) in WITHOUT_ZONE for column, columns in read)
        return None if self.one.spec.time is None or not zoneless else self.one.spec.time.grain

    def input_columns(self, sql: Statements, relation: RelationName) -> Columns:
        """Return the columns of an input, asked for once; none of what stands nowhere, as an ephemeral model."""
        if relation not in self._input_columns:
            self._input_columns[relation] = [] if relation.identifier.startswith(EPHEMERAL) else sql.run("describe", relation=relation.sql)
        return self._input_columns[relation]

    @property
    def cut(self) -> Mapping[RelationName, str]:
        """The inputs of which only a range of time is read, and the column of each that says so."""
        raise NotImplementedError

    def put(self, sql: Statements, query: str, delete: str, within: str) -> None:
        """Replace the slice that stands by the rows of a query that lie within it."""
        alignment = self._settled or self._settle(sql, query)
        for statement in alignment.statements:
            sql.connection.execute(statement)
        source = f"({query}\n) as penstock_batch"
        if self._reads_itself:
            sql.connection.execute(f"create or replace temp table {STAGE} as select * from {source}")
            source = STAGE
        sql.connection.execute(delete)
        failpoint("slice.deleted")
        names = alignment.listed
        sql.connection.execute(f"insert into {self.relation.sql} ({names}) select {names} from {source} where {within}")
        if self._reads_itself:
            sql.connection.execute(f"drop table {STAGE}")

    def _settle(self, sql: Statements, query: str) -> Alignment:
        """Compare the columns that stand with those that come; where nothing is to change now, no later range changes anything."""
        standing = sql.run("describe", relation=self.relation.sql)
        alignment = self._alignment(standing, self.coming(sql, query))
        if self._alike and not alignment.statements:
            self._settled, self.columns = alignment, standing
        return alignment

    def coming(self, sql: Statements, query: str) -> Columns:
        """Return the columns of the query for a range."""
        if self._coming is None or not self._alike:
            self._coming = sql.run("describe", relation=f"({query}\n)")
        return self._coming

    @cached_property
    def _alike(self) -> bool:
        """Whether the query has the same columns for every range: neither its rows nor the table itself decide on them."""
        return not self._reads_itself and not _COLUMNS_BY_ROWS.search(self.sql)

    @cached_property
    def _reads_itself(self) -> bool:
        database = self.one.facts.database
        return self.relation.normalised(database) in {table.normalised(database) for table in self.facts.tables}

    def _alignment(self, standing: Columns, coming: Columns) -> Alignment:
        """Return how rows get into the table; one that dbt would make anew at every run takes over the columns of its query."""
        incremental = self.asset.materialized == "incremental"
        mode = str(self.asset.config.get("on_schema_change") or "ignore") if incremental else "sync_all_columns"
        given = {name.lower() for name, _ in coming}
        lost = [name for name, _ in standing if name.lower() not in given]
        if mode == "ignore" and lost:
            raise WarehouseError(
                f"the query does not give `{lost[0]}`, a column of {self.relation}",
                hint="Select it, set on_schema_change, or build it anew with --full-refresh.",
            )
        return aligned(self.relation, standing, coming, mode)

    def make(self, sql: Statements, query: str) -> None:
        """Make the table anew."""
        standing = self.context.existing_type(self.relation)
        if standing not in (None, "table"):
            sql.connection.execute(f"drop {standing} {self.relation.sql} cascade")
        sql.connection.execute(f"create or replace table {self.relation.sql} as (\n{query}\n)")


class Batches(_ModelWriter):
    """dbt's microbatch: inputs cut by event time, the slice replaced by event time."""

    @property
    def cut(self) -> Mapping[RelationName, str]:
        return {relation: event_time.strip('"') for relation, event_time in self._event_times.items()}

    @cached_property
    def query(self) -> BatchQuery:
        """The query that waits for a batch. Raises ProjectError where what dbt would cut cannot be told from its text."""
        database = self.one.facts.database
        query = batch_query(self.sql, self._event_times)
        written = {table.normalised(database)[1:] for table in self.facts.tables}
        parents = (self.context.graph.assets[parent] for parent in self.context.graph.parents[self.one.number])
        uncut = {one.relation.normalised(database) for one in parents if one.relation is not None and not one.config.get("event_time")}
        for relation in self._event_times:
            otherwise = relation in query.missing and relation.normalised(database)[1:] in written
            if otherwise or relation.normalised(database) in uncut:
                raise ProjectError(
                    f"{self.asset.name}: where its query reads only the batch of {relation} cannot be told from its text",
                    hint="Build it with --executor dbt.",
                )
        return query

    @cached_property
    def _event_times(self) -> Mapping[RelationName, str]:
        """What dbt cuts, by its name in the query: relations, and ephemeral models that have an event time themselves."""
        graph, database = self.context.graph, self.one.facts.database
        found = {
            RelationName(*relation.normalised(database)): reading.event_time
            for reading in self.one.readings
            if reading.event_time and (relation := graph[reading.name].relation) is not None
        }
        for model in (graph.assets[parent] for parent in graph.parents[self.one.number]):
            if model.ephemeral and model.config.get("event_time"):
                found[RelationName("", "", f"{EPHEMERAL}{model.name}")] = str(model.config["event_time"])
        return found

    def write(self, sql: Statements, part: PartitionRange, *, anew: bool) -> None:
        """Write one batch, or several at once; the batch that makes the table keeps rows outside of it, as in dbt."""
        if part.start is None or part.end is None:
            raise ProjectError(f"{self.asset.name} has batches without bounds")
        start, end = part.start.replace(tzinfo=UTC), part.end.replace(tzinfo=UTC)
        query = self.query.for_range(start, end)
        if anew:
            self.make(sql, query)
            return
        event_time = str(self.asset.config["event_time"])
        delete = delete_slice(self.relation, event_time, start, end, self.asset.config.get("incremental_predicates") or ())
        self.put(sql, query, delete, f"{event_time} >= '{start}' and {event_time} < '{end}'")


class ModelSlices(_ModelWriter):
    """A model with partitions: every input that has some is cut to those that belong to the slice, and so is the result."""

    @property
    def cut(self) -> Mapping[RelationName, str]:
        return {
            relation: reading.source.time.column
            for reading in self.one.readings
            if reading.how is How.PARTITIONS and reading.source is not None and reading.source.time is not None
            and (relation := self.context.graph[reading.name].relation) is not None
        }  # fmt: skip

    @cached_property
    def bounds(self) -> frozenset[str]:
        """The variables with the bounds of a slice that its query reads. Raises ProjectError where they cannot be given."""
        found = names_in(self.sql, self.dialect)
        if found and self.asset.recompile:
            raise ProjectError(f"{self.asset.name} reads {min(found)}, and its Jinja asks the clock or the warehouse, which knows no slice")
        if any(f"{{{name}}}" in file for file in self.facts.files for name in found):
            hint = "Read the files in an ingestion file, where they are noticed."
            raise ProjectError(f"{self.asset.name} reads files that are named by its partitions", hint=hint)
        return found

    @cached_property
    def size(self) -> int | None:
        """One at once where the query reads the bounds, unless the model says more; `penstock_partition` is one by its meaning."""
        if PARTITION in self.bounds:
            return 1
        return 1 if self.bounds and self.asset.penstock.get("batch") is None else super().size

    @cached_property
    def _alike(self) -> bool:
        return not self.bounds and super()._alike

    def write(self, sql: Statements, part: PartitionRange, *, anew: bool) -> None:
        """Write one partition, or several at once."""
        cut = restricted(bounded(self.sql, part, self.dialect), dict(self._inputs(sql, part)), self.dialect)
        conditions = conditions_of(part, self.coming(sql, cut))
        query = filtered(cut, conditions, self.dialect)
        if anew:
            self.make(sql, query)
            return
        held = where(conditions_of(part, self.columns or sql.run("describe", relation=self.relation.sql)), self.dialect)
        self.put(sql, query, f"delete from {self.relation.sql} where {held}", "true")

    def _inputs(self, sql: Statements, part: PartitionRange) -> list[tuple[RelationName, str]]:
        found = []
        partitions = PartitionSet.of(self.one.spec, {part.coordinate: [(part.first, part.stop)]})
        for reading in self.one.readings:
            relation = self.context.graph[reading.name].relation if reading.name in self.context.graph else None
            if reading.how is not How.PARTITIONS or reading.source is None or relation is None:
                continue
            read = upstream(self.one.spec, reading.source, partitions, self.one.facts.now, reading.rule)
            columns = self.input_columns(sql, relation)
            each = [where(conditions_of(one, columns), self.dialect) for one in read.ranges()]
            found.append((relation, " or ".join(f"({one})" for one in each) or "false"))
        return found
