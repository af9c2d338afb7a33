"""The commit protocol: data and its record in one transaction, fenced by a claim, believed only after a read-back.

1. intent: the claim row (made before, for all assets at once); 2. BEGIN and touch the claim; 3. write; 4. blocking checks
on the uncommitted rows; 5. record; COMMIT; 6. read the token back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from penstock.assets.metrics import USUAL, Metrics
from penstock.assets.names import AssetKey, literal, quote
from penstock.assets.records import InputVersion
from penstock.assets.redact import redact
from penstock.errors import CommitLost, StaleClaim, WarehouseError
from penstock.state.metrics import measure, record_column_metrics
from penstock.state.queries import rendered
from penstock.state.store import Statements
from penstock.warehouse.failpoints import failpoint


class AskAgain(Exception):
    """A check broke the transaction; the same is written again, and asked in another way."""


Done_co = TypeVar("Done_co", covariant=True)


class Checks(Protocol):
    """What looks at uncommitted rows: those for which a condition holds, which are those of some partitions, or all."""

    def __call__(self, sql: Statements, condition: str = "", partition: str = "") -> None:
        """Look at the rows. Raises CheckFailed for those that readers must not see, AskAgain."""

    def forget(self, partition: str) -> None:
        """Leave out what was found in these partitions together: each of them is looked at by itself."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything the record of one attempt says; `relation` is the quoted name, `relation_type` table, view or function.

    `recreates`: the table is made anew with it, so that no earlier record counts; None: as for everything but a partition.
    `checks` look at the uncommitted rows; `metrics` says what is measured of them.
    """

    run_id: str
    asset: AssetKey
    token: int
    relation: str
    relation_name: str
    relation_type: str
    code_version: str
    executor: str
    inputs: Sequence[InputVersion]
    started_at: datetime
    fingerprint: str = ""
    partition: str = ""
    partition_start: datetime | None = None
    partition_end: datetime | None = None
    volatile: str = ""
    function_version: str = ""
    high_water: str | None = None
    recreates: bool | None = None
    checks: Checks | None = None
    metrics: Metrics = USUAL

    def for_partition(self, start: datetime, end: datetime, event_time: str, *, recreates: bool = False) -> Publication:
        """Return the record of one time slice, half-open in UTC; content is counted and hashed over that slice alone.

        `recreates`: the table is made anew with it, so that no earlier record counts.
        """
        slice_sql = self.relation
        if event_time:
            column = quote(event_time)
            lower, upper = (literal(f"{at.isoformat(sep=' ')}+00:00") for at in (start, end))  # whatever the session's time zone is
            slice_sql = f"(select * from {self.relation} where {column} >= {lower} and {column} < {upper})"
        return dataclasses.replace(self, partition_start=start, partition_end=end, relation=slice_sql, recreates=recreates)

    def values(self, now: datetime) -> dict[str, Any]:
        """Return the parameters of every statement of the protocol; `now` (UTC) is when it was called."""
        return {
            "run_id": self.run_id,
            "asset": self.asset,
            "partition": self.partition,
            "partition_start": self.partition_start,
            "partition_end": self.partition_end,
            "token": self.token,
            "relation_name": self.relation_name,
            "relation_type": self.relation_type,
            "code_version": self.code_version,
            "fingerprint": self.fingerprint,
            "data_version": self.function_version,
            "rows": None,
            "volatile": self.volatile,
            "executor": self.executor,
            "committed_at": now,
            "claimed_at": now,
            "inputs": [seen.input for seen in self.inputs],
            "versions": [seen.version for seen in self.inputs],
            "columns": [None if seen.columns is None else list(seen.columns) for seen in self.inputs],
            "started_at": self.started_at,
            "finished_at": now,
            "status": "success",
            "error": "",
            "high_water": self.high_water,
            "counted": None,
            "nulls": None,
            "recreates": self.partition == "" if self.recreates is None else self.recreates,
        }

    def audit(self, sql: Statements) -> None:
        """Run the checks that come before publishing. Raises CheckFailed where one of them blocks."""
        if self.checks is not None:
            self.checks(sql)

    def fence(self, sql: Statements, now: datetime) -> None:
        """Touch the claim inside the open transaction. Raises StaleClaim unless exactly one row answers, with our token."""
        if sql.run("fence", self.values(now)) != [(self.token,)]:
            raise StaleClaim(f"{self.asset}: the claim was taken over by another run")

    def record(self, sql: Statements, now: datetime) -> None:
        """Append materialization, inputs and attempt inside the open transaction."""
        values = self.values(now)
        if self.relation_type == "table":
            self._record_table(sql, values)
        else:
            sql.run(self.record_query, values, relation=self.relation)
        if self.inputs:
            sql.run("record_inputs", values)
        sql.run("record_attempt", values)

    def _record_table(self, sql: Statements, values: Mapping[str, Any]) -> None:
        columns = sql.run("describe", relation=self.relation)
        found = measure(sql, self.relation, columns, self.metrics)
        counted = {"counted": [name for name, _ in columns], "nulls": list(found.nulls)} if found.nulls else {}
        sql.run("record_version", {**values, "data_version": found.version, "rows": found.rows, **counted})
        record_column_metrics(sql, self.run_id, self.asset, {(self.partition, self.token): found})

    def read_back(self, sql: Statements) -> Committed:
        """Return what is on record. Raises CommitLost when there is no record: then there is no data either."""
        rows = sql.run("read_back", self.values(self.started_at))
        if not rows:
            raise CommitLost(f"{self.asset}: the transaction did not commit")
        return Committed(*rows[0])

    @property
    def undeclared(self) -> tuple[str, ...]:
        """The tables read without `ref` or `source`, as quoted names."""
        return tuple(seen.input.removeprefix("table:") for seen in self.inputs if seen.input.startswith("table:"))

    @property
    def record_query(self) -> str:
        """The statement that records it, where nothing is known of what was written."""
        return {"table": "record_table", "view": "record_view"}.get(self.relation_type, "record_version")


@dataclass(frozen=True, slots=True)
class Committed:
    """What stands on record after a commit: the number of rows (None where there are none of its own) and the version."""

    rows: int | None
    version: str


class Published(Protocol[Done_co]):
    """What a transaction publishes: one asset, or some of its partitions at once."""

    def audit(self, sql: Statements) -> None:
        """Look at the uncommitted rows. Raises CheckFailed for those that readers must not see."""

    def fence(self, sql: Statements, now: datetime) -> None:
        """Touch the claims inside the open transaction. Raises StaleClaim unless each of them answers with our token."""

    def record(self, sql: Statements, now: datetime) -> None:
        """Append materialization, inputs and attempt inside the open transaction."""

    def read_back(self, sql: Statements) -> Done_co:
        """Return what is on record. Raises CommitLost when there is no record: then there is no data either."""


def publish(sql: Statements, what: Published[Done_co], write: Callable[[], None], clock: Callable[[], datetime]) -> Done_co:
    """Write and record in one transaction and return what is on record.

    Raises StaleClaim when another run took the asset over, CommitLost when the record cannot be read back, and
    whatever `write` raises; in each case nothing is visible.
    """
    while True:
        with suppress(AskAgain):
            _attempt(sql, what, write, clock)
            return _committed(sql, what)


def _attempt(sql: Statements, what: Published[Done_co], write: Callable[[], None], clock: Callable[[], datetime]) -> None:
    connection = sql.connection
    connection.begin()
    try:
        failpoint("begin.after")
        what.fence(sql, clock())
        failpoint("write.before")
        write()
        failpoint("write.after")
        what.audit(sql)
        failpoint("audit.after")
        what.record(sql, clock())
        failpoint("commit.before")
    except BaseException:
        connection.rollback()
        raise


def _committed(sql: Statements, what: Published[Done_co]) -> Done_co:
    """Commit and return what is on record; an error is not yet a failure, for the reply alone may be lost."""
    try:
        sql.connection.commit()
    except WarehouseError as error:
        with suppress(WarehouseError):
            sql.connection.execute("rollback")  # an interrupted COMMIT may leave the transaction open, its record in sight
        try:
            return what.read_back(sql)
        except CommitLost:
            raise error from None
    failpoint("commit.after")
    return what.read_back(sql)


def hooks_sql(schema: str, what: Publication, now: datetime) -> tuple[str, str]:
    """Return steps 2 and 5 as text, for dbt's transactional pre-hook and post-hook. `schema` is the quoted state schema.

    The attempt's row is left to `record_attempt` afterwards: its end is not known when the text is made.
    """
    values = what.values(now)
    first = rendered("fence_or_fail", schema, values)
    last = [rendered(what.record_query, schema, values, relation=what.relation)]
    if what.inputs:
        last.append(rendered("record_inputs", schema, values))
    return first, ";\n".join(last)


def record_attempt(sql: Statements, what: Publication, status: str, error: str, now: datetime) -> None:
    """Append an attempt's end in a transaction of its own: the data's one is over."""
    query = "record_attempt" if status == "success" else "record_failure"
    sql.run(query, {**what.values(now), "status": status, "error": redact(error)})
