"""The commit protocol for some partitions of one asset that are written together: one transaction, one record for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from penstock.assets.metrics import Measured
from penstock.assets.partition_range import PartitionRange
from penstock.assets.records import InputVersion, PartitionRecord
from penstock.assets.redact import redact
from penstock.compiler.content import Columns
from penstock.compiler.slices import conditions_of, where
from penstock.errors import CommitLost, StaleClaim
from penstock.runner.commit import Publication
from penstock.state.metrics import measure_partitions, record_column_metrics
from penstock.state.store import Statements


@dataclass(frozen=True, slots=True)
class PartitionPublication:
    """What the record of one attempt at a range of partitions says.

    `what` is what all of them share, `tokens` and `inputs` are by partition key; `columns` are the table's, where they are
    known for sure. `what.recreates`: the table is made anew, and no earlier record counts.
    """

    what: Publication
    part: PartitionRange
    tokens: Mapping[str, int]
    inputs: Mapping[str, tuple[InputVersion, ...]]
    dialect: str
    columns: Columns | None = None
    _slices: Mapping[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        partitions = list(self.part)
        slices = {
            "token": min(self.tokens.values()),
            "partition": partitions[0].key,
            "partition_start": partitions[0].start,
            "partition_end": partitions[0].end,
            "partitions": [one.key for one in partitions],
            "tokens": [self.tokens[one.key] for one in partitions],
            "starts": [one.start for one in partitions],
            "ends": [one.end for one in partitions],
        }
        object.__setattr__(self, "_slices", slices)

    def audit(self, sql: Statements) -> None:
        """Let tests look at the rows of these partitions before they are published. Raises CheckFailed where one of them blocks."""
        if self.what.checks is not None:
            columns = self.columns or sql.run("describe", relation=self.what.relation)
            self.what.checks(sql, where(conditions_of(self.part, columns), self.dialect), str(self.part))

    def fence(self, sql: Statements, now: datetime) -> None:
        """Touch the claims inside the open transaction. Raises StaleClaim unless each of them answers with our token."""
        values = self.values(now)
        if self._single:
            held = sql.run("fence", values) == [(values["token"],)]
        else:
            answers = sql.run("fence_partitions", values)
            held = len(answers) == len(self.tokens) and dict(answers) == dict(self.tokens)
        if not held:
            raise StaleClaim(f"{self.what.asset}: the claim on {self.part} was taken over by another run")

    def record(self, sql: Statements, now: datetime) -> None:
        """Append materializations, inputs and attempts inside the open transaction."""
        columns, found = self._measured(sql)
        values = {**self.values(now), **_contents(columns, found)}
        self._run(sql, "record_version", "record_partitions", values)
        if any(self.inputs.values()):
            self._run(sql, "record_inputs", "record_partition_inputs", {**values, **self._inputs()})
        self._run(sql, "record_attempt", "record_partition_attempts", values)
        record_column_metrics(sql, self.what.run_id, self.what.asset, dict(zip(self.tokens.items(), found, strict=True)))

    def read_back(self, sql: Statements) -> dict[str, PartitionRecord]:
        """Return what is on record, by key. Raises CommitLost unless all of it is: then there is no data either."""
        values = self.values(self.what.started_at)
        if self._single:
            rows = [(values["partition"], *row) for row in sql.run("read_back", values)]
        else:
            rows = sql.run("read_back_partitions", values)
        if {key for key, _, _ in rows} != self.tokens.keys():
            raise CommitLost(f"{self.what.asset}: the transaction of {self.part} did not commit")
        what = self.what
        return {
            key: PartitionRecord(
                what.run_id, self.tokens[key], what.code_version, version, count, what.started_at, what.fingerprint, what.high_water
            )
            for key, count, version in rows
        }

    def record_failure(self, sql: Statements, status: str, error: str, now: datetime) -> None:
        """Append that the attempt failed, in a transaction of its own: the data's one is over."""
        values = {**self.values(now), "status": status, "error": redact(error)}
        self._run(sql, "record_failure", "record_partition_failures", values)

    @property
    def _single(self) -> bool:
        return len(self.tokens) == 1

    def _run(self, sql: Statements, one: str, several: str, values: Mapping[str, Any]) -> None:
        """Record with the plain protocol's statement for a single partition, which costs two thirds of that for several."""
        sql.run(one if self._single else several, values)

    def _measured(self, sql: Statements) -> tuple[Columns, list[Measured]]:
        """Look at each partition, in the order of the tokens."""
        columns = self.columns or sql.run("describe", relation=self.what.relation)
        found = measure_partitions(sql, self.what.relation, columns, self.part, self.what.metrics, self.dialect)
        return columns, [found[key] for key in self.tokens]

    def values(self, now: datetime) -> dict[str, Any]:
        """Return the parameters of every statement of the protocol; `now` (UTC) is when it was called."""
        return {**self.what.values(now), **self._slices}

    def _inputs(self) -> dict[str, Sequence[Any]]:
        rows = [(key, self.tokens[key], seen) for key, inputs in self.inputs.items() for seen in inputs]
        return {
            "input_partitions": [key for key, _, _ in rows],
            "input_tokens": [token for _, token, _ in rows],
            "inputs": [seen.input for _, _, seen in rows],
            "versions": [seen.version for _, _, seen in rows],
            "columns": [None if seen.columns is None else list(seen.columns) for _, _, seen in rows],
        }


def _contents(columns: Columns, found: Sequence[Measured]) -> dict[str, Any]:
    """Return what the records say of the rows: for one partition, and for several."""
    first = found[0]
    counted = [name for name, _ in columns] if first.nulls else None
    return {
        "rows": first.rows,
        "data_version": first.version,
        "nulls": list(first.nulls) if counted else None,
        "counts": [one.rows for one in found],
        "data_versions": [one.version for one in found],
        "null_counts": [list(one.nulls) if counted else None for one in found],
        "counted": counted,
    }
