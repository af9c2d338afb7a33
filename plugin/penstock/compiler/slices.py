"""Slices of a relation: which of its rows belong to some partitions, and what each of those holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from penstock.assets.dimensions import TimeDimension
from penstock.assets.names import literal, quote
from penstock.assets.partition_range import PartitionRange
from penstock.compiler.content import Columns, version_of
from penstock.compiler.literals import Value, literal_of
from penstock.compiler.partition_filter import Bound, Condition, Equals
from penstock.errors import WarehouseError

_LOCAL = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATETIME")
WITHOUT_ZONE = ("DATE", *_LOCAL)
"""Types of times that are the wall clock's."""


def conditions_of(part: PartitionRange, columns: Columns) -> list[Condition]:
    """Return which rows of a relation with these columns belong to a range of partitions.

    Columns of local times are compared with local bounds, those with a time zone with instants. Raises WarehouseError for
    a column that is missing, or that holds no times where times are asked for.
    """
    found: list[Condition] = []
    if part.time is not None:
        kind = _type_of(part.time.column, part.time.name, columns)
        found.append(Bound(part.time.column, *(_moment(part.time, kind, *ends) for ends in _ends(part))))
    others = (one for one in part.dimensions if one is not part.time)
    for one, key in zip(others, part.coordinate, strict=True):
        kind = _type_of(one.column, one.name, columns)
        if isinstance(one, TimeDimension):
            single = PartitionRange((one,), (), place := one.ordinal(key) or 0, place + 1)
            found.append(Bound(one.column, *(_moment(one, kind, *ends) for ends in _ends(single))))
        else:
            found.append(Equals(one.column, key))
    return found


def where(conditions: Sequence[Condition], dialect: str, alias: str = "") -> str:
    """Return conditions as SQL, `true` where there are none."""
    return " and ".join(_holds(condition, f"{alias}{quote(condition.column)}", dialect) for condition in conditions) or "true"


def partitioned_content_query(
    relation: str, columns: Columns, part: PartitionRange, dialect: str, only: Collection[str] | None = None
) -> str:
    """Return the statement for one row for each partition of a range that has rows: key, number of rows, version.

    `relation` is a quoted name or a subquery; `only` are the lower-case names of the columns that count, None for all.
    """
    chosen = columns if only is None else sorted((one for one in columns if one[0].lower() in only), key=lambda one: one[0].lower())
    held = where(conditions_of(part, columns), dialect)
    version = version_of(chosen)
    partitions = list(part)
    if len(partitions) == 1 or part.time is None:
        key = literal(partitions[0].key)
        return f'select {key} as "partition", count(*) as "rows", {version} from {relation} where {held} having count(*) > 0'
    kind = _type_of(part.time.column, part.time.name, columns)
    lower = ", ".join(literal_of(_moment(part.time, kind, one.start, one.local_start), dialect) for one in partitions)
    keys = ", ".join(literal(one.key) for one in partitions)
    names = ", ".join(quote(name) for name, _ in chosen)
    rows = f"select {names or 'null'}, {quote(part.time.column)} as penstock_time from {relation} where {held}"
    starts = f"select unnest([{keys}]) as penstock_partition, unnest([{lower}]) as penstock_start"
    return (
        f'select penstock_partition, count(*) as "rows", {version} from ({rows}) as penstock_rows '
        f"asof join ({starts}) as penstock_starts on penstock_rows.penstock_time >= penstock_starts.penstock_start "
        "group by penstock_partition"
    )


def outside_query(relation: str, columns: Columns, parts: Iterable[PartitionRange], dialect: str) -> str:
    """Return the statement for how many rows of a relation, a quoted name, are in none of some ranges of partitions."""
    held = " or ".join(f"({where(conditions_of(part, columns), dialect)})" for part in parts)
    return f"select count(*) from {relation} where not coalesce({held or 'false'}, false)"


def _holds(condition: Condition, column: str, dialect: str) -> str:
    if isinstance(condition, Equals):
        return f"{column} = {literal_of(condition.value, dialect)}"
    return f"{column} >= {literal_of(condition.lower, dialect)} and {column} < {literal_of(condition.upper, dialect)}"


def _ends(part: PartitionRange) -> tuple[tuple[datetime | None, datetime | None], tuple[datetime | None, datetime | None]]:
    return (part.start, part.local_start), (part.end, part.local_end)


def _type_of(column: str, dimension: str, columns: Columns) -> str:
    kinds: Mapping[str, str] = {name.lower(): kind for name, kind in columns}
    if column.lower() not in kinds:
        raise WarehouseError(
            f"the rows have no column `{column}`, which says what partition of `{dimension}` a row belongs to",
            hint=f"Select it, or name another one: `{dimension}: {{column: ...}}`.",
        )
    return kinds[column.lower()]


def _moment(one: TimeDimension, kind: str, instant: datetime | None, local: datetime | None) -> Value:
    if instant is None or local is None:
        raise ValueError("a time dimension has bounds")
    if kind == "TIMESTAMP WITH TIME ZONE":
        return instant.replace(tzinfo=UTC)
    if kind in _LOCAL:
        return local
    if kind == "DATE" and local == datetime.combine(date(local.year, local.month, local.day), datetime.min.time()):
        return local.date()
    raise WarehouseError(
        f"the column `{one.column}` is a {kind}, which has no {one.grain}",
        hint=f"Cast it in the query: {one.column}::timestamp as {one.column}.",
    )
