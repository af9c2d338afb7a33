"""How slices of an ingested table are made and put in their place: read into a table of their own, looked at, and moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from penstock.assets.asset import IngestSpec
from penstock.assets.grains import Grain
from penstock.assets.names import RelationName
from penstock.assets.partition_range import PartitionRange
from penstock.compiler.content import Columns
from penstock.compiler.placeholders import names_in
from penstock.compiler.schema_change import aligned
from penstock.compiler.slices import conditions_of, where
from penstock.errors import WarehouseError
from penstock.parser.query import QueryFacts, read_query
from penstock.plan.partitioning import Partitioning
from penstock.runner.context import RunContext
from penstock.state.store import Statements
from penstock.warehouse.failpoints import failpoint

STAGE = '"penstock_stage"'
"""Where rows wait that are read before those they replace are taken out."""


@dataclass
class IngestSlices:
    """An ingestion file with partitions: its query is asked with the values of a slice, and may give rows of it alone."""

    context: RunContext
    one: Partitioning
    relation: RelationName
    ingest: IngestSpec
    columns: Columns | None = None

    @cached_property
    def facts(self) -> QueryFacts:
        return read_query(self.ingest.sql, self.dialect)

    @property
    def dialect(self) -> str:
        return self.context.warehouse.capabilities.dialect

    @property
    def size(self) -> int | None:
        return self.ingest.batch if isinstance(self.ingest.batch, int) else None

    def write(self, sql: Statements, part: PartitionRange, *, anew: bool) -> None:
        """Read into a table of its own first: what is not of the slice would be there twice after the next time."""
        values = {name: value for name, value in self.values(part).items() if name in names_in(self.ingest.sql)}
        sql.connection.execute(f"create or replace temp table {STAGE} as (\n{self.ingest.sql}\n)", values)
        coming = sql.run("describe", relation=STAGE)
        held = where(conditions_of(part, coming), self.dialect)
        self._refuse_others(sql, part, held)
        if anew:
            standing = self.context.existing_type(self.relation)
            if standing not in (None, "table"):
                sql.connection.execute(f"drop {standing} {self.relation.sql} cascade")
            sql.connection.execute(f"create or replace table {self.relation.sql} as select * from {STAGE}")
        else:
            alignment = aligned(self.relation, sql.run("describe", relation=self.relation.sql), coming, self.ingest.schema_change)
            for statement in alignment.statements:
                sql.connection.execute(statement)
            there = where(conditions_of(part, sql.run("describe", relation=self.relation.sql)), self.dialect)
            sql.connection.execute(f"delete from {self.relation.sql} where {there}")
            failpoint("slice.deleted")
            sql.connection.execute(f"insert into {self.relation.sql} ({alignment.listed}) select {alignment.listed} from {STAGE}")
        sql.connection.execute(f"drop table {STAGE}")

    def values(self, part: PartitionRange) -> dict[str, Any]:
        """Return the values of the placeholders: a period's first day, or its first moment for hours; bounds are half-open."""
        found: dict[str, Any] = {"run_id": self.context.run_id, "run_started_at": self.context.clock(), **part.values}
        if part.time is not None and part.local_start is not None and part.local_end is not None:
            bounds = part.local_start, part.local_end
            start, end = bounds if part.time.grain is Grain.HOUR else tuple(map(_day, bounds))
            found |= {"start": start, "end": end, part.time.name: start}
        return {name.lower(): value for name, value in found.items()}

    def _refuse_others(self, sql: Statements, part: PartitionRange, held: str) -> None:
        rows = sql.connection.execute(f"select count(*) from {STAGE} where not coalesce({held}, false)")
        if rows[0][0]:
            raise WarehouseError(
                f"{rows[0][0]} rows do not belong to {part}: their partition columns say another one, or nothing",
                hint=f"Filter them out in {self.ingest.path}, or name the right column in `partitions`.",
            )


def _day(moment: datetime) -> date:
    return moment.date()
