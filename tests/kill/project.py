"""The small project that the kill test runs: what is built from what, and what the sources hold in each round.

Nothing here comes from Penstock, so that the checker can work out the expected rows on its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

STATE = "penstock"
FIRST_DAY = datetime(2024, 2, 28)
DAYS = 4
DAYS_WITH_FILES = 3
"""The file of the last day never comes: its partition waits."""

NOW = FIRST_DAY + timedelta(days=DAYS, minutes=-1)
"""When every build takes place, as far as it matters which days have begun."""


@dataclass(frozen=True, slots=True)
class Node:
    """One thing to build.

    `how` is view, table, replace or append, or, with a partition for each day: batches (dbt's microbatch), slices (a model
    whose `meta.penstock` has partitions) or files (an ingestion file that reads one for each day).
    """

    key: str
    name: str
    how: str
    parents: tuple[str, ...]
    sql: str

    @property
    def relation(self) -> str:
        """Its quoted name."""
        return 'out."' + self.name.replace('"', '""') + '"'

    @property
    def by_day(self) -> bool:
        """Whether it has a partition for each day."""
        return self.how in ("batches", "slices", "files")

    def sql_in(self, home: str) -> str:
        """Return its query with the database named where batches are cut; dbt writes every name in full."""
        return self.sql.replace("from src.", f'from "{home}".src.') if self.how == "batches" else self.sql


SOURCES = ("orders", "customers", "events")

NODES = (
    Node("model.kill.stg_orders", "stg_orders", "view", ("source.kill.orders",), "select id, customer, amount, loaded from src.orders"),
    Node("model.kill.stg_customers", "stg_customers", "view", ("source.kill.customers",),
         "select id, upper(name) as name, region from src.customers"),
    Node("ingest.out.copies", "copies", "replace", ("source.kill.customers",), "select * from src.customers"),
    Node("ingest.out.arrivals", "arrivals", "append", ("source.kill.orders",), "select $run_id as run_id, id, amount from src.orders"),
    Node("model.kill.fct_orders", 'fct "orders"; --', "table", ("model.kill.stg_orders", "model.kill.stg_customers"),
         "select o.*, c.name, c.region from out.stg_orders as o join out.stg_customers as c on c.id = o.customer"),
    Node("model.kill.customer_value", "customer_value", "table", ("model.kill.fct_orders",),
         'select customer, sum(amount) as amount, count(*) as orders from out."fct ""orders""; --" group by customer'),
    Node("model.kill.daily", "daily", "batches", ("source.kill.events",), "select id, day, n from src.events"),
    Node("model.kill.daily_twice", "daily_twice", "slices", ("model.kill.daily",), "select day, id, 2 * n as twice from out.daily"),
    Node("ingest.out.readings", "readings", "files", (),
         "select $day as day, sensor, value from read_csv('readings/' || $day || '.csv', header = true, types = {'sensor': 'bigint', 'value': 'bigint'})"),
    Node("model.kill.daily_totals", "daily_totals", "table", ("model.kill.daily",), "select day, sum(n) as n from out.daily group by day"),
    Node("model.kill.regions", "regions", "table", ("ingest.out.copies", "model.kill.customer_value"),
         "select c.region, sum(v.amount) as amount from out.copies as c join out.customer_value as v on v.customer = c.id group by c.region"),
    Node("model.kill.arrival_totals", "arrival_totals", "table", ("ingest.out.arrivals",),
         "select run_id, count(*) as n, sum(amount) as amount from out.arrivals group by run_id"),
    Node("model.kill.report", "report", "view", ("model.kill.daily_totals", "model.kill.regions"),
         "select d.day, d.n, r.region, r.amount from out.daily_totals as d cross join out.regions as r"),
    Node("model.kill.summary", "summary", "table", ("model.kill.report", "model.kill.arrival_totals"),
         "select (select sum(amount) from out.report) as amount, (select sum(n) from out.arrival_totals) as arrivals"),
)  # fmt: skip
"""In an order in which each comes after what it reads."""

BY_KEY = {node.key: node for node in NODES}


def inputs_of(node: Node) -> tuple[str, ...]:
    """What a record of the node must name: what it reads and, unless it is a view itself, what lies behind the views it reads."""
    found = list(node.parents)
    for key in found:
        if node.how != "view" and key in BY_KEY and BY_KEY[key].how == "view":
            found += [parent for parent in BY_KEY[key].parents if parent not in found]
    return tuple(found)


TEST = ("test.kill.no_negative_value", "model.kill.customer_value", "select * from out.customer_value where amount < 0")
REFUSING = "select * from out.customer_value where amount >= 0"
"""What the test asks where it has to fail."""

DAILY = "model.kill.daily"
TWICE = "model.kill.daily_twice"
READINGS = "ingest.out.readings"
APPENDED = "ingest.out.arrivals"


def variant(source: str, number: int) -> int:
    """Which of its three variants a source holds in a round; contents come back, at another pace for each source."""
    return {"orders": number // 2, "customers": number // 3, "events": (number + 1) // 2}[source] % 3


def source_sql(source: str, which: int) -> str:
    """Return the query that makes one variant of a source."""
    if source == "orders":
        return f"select i as id, i % 7 as customer, (i * 13 + {which}) % 100 as amount, {which} as loaded from range({40 + which}) as r(i)"
    if source == "customers":
        return f"select i as id, 'name ' || (i + {which}) as name, (i + {which}) % 3 as region from range(7) as r(i)"
    day = f"timestamp '{FIRST_DAY}' + to_days((i % {DAYS})::integer) + to_hours((i % 24)::integer)"
    return f"select i as id, {day} as day, if(i % {DAYS} = {which}, i + 100, i) as n from range(60) as r(i)"


def load_sql(number: int) -> list[str]:
    """Return the statements that bring all sources to a round."""
    made = [f"create or replace table src.{source} as {source_sql(source, variant(source, number))}" for source in SOURCES]
    return ["create schema if not exists src", *made]


def days() -> list[tuple[str, datetime, datetime]]:
    """Return all days: name, start and end."""
    starts = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    return [(start.strftime("%Y-%m-%d"), start, start + timedelta(days=1)) for start in starts]


def partitions_of(node: Node) -> list[tuple[str, datetime | None, datetime | None]]:
    """Return what is recorded of a node by itself: its days, as far as there can be rows, or the whole, named ""."""
    if not node.by_day:
        return [("", None, None)]
    return [*days()][: DAYS_WITH_FILES if node.how == "files" else None]


def readings(day: datetime) -> list[tuple[int, int]]:
    """Return the rows of the file of one day: sensor and value."""
    return [(sensor, day.day * sensor) for sensor in range(5)]


def write_files(folder: Path) -> None:
    """Make the files, each at once; they never change."""
    place = folder / "readings"
    place.mkdir(exist_ok=True)
    for name, start, _ in days()[:DAYS_WITH_FILES]:
        path = place / f"{name}.csv"
        if not path.exists():
            new = path.with_suffix(f".{os.getpid()}")
            new.write_text("".join(f"{left},{right}\n" for left, right in [("sensor", "value"), *readings(start)]))
            new.replace(path)


def plain_sql(node: Node) -> str:
    """Return the query of what a node holds, without placeholders and files."""
    if node.key != READINGS:
        return node.sql
    rows = [f"(date '{name}', {sensor}, {value})" for name, start, _ in days()[:DAYS_WITH_FILES] for sensor, value in readings(start)]
    return f"select day, sensor::bigint as sensor, value::bigint as value from (values {', '.join(rows)}) as v(day, sensor, value)"
