"""What a build measures of the rows it wrote, with the statement that gives their version anyway.

NULLs are counted in the scan that hashes the rows, which costs next to nothing. `metrics: full` adds, for each column of a type
that has them, the smallest and largest value and an approximate number of distinct values (HyperLogLog), and with a second
statement quantiles: those of all rows up to 20,000 for each partition, else of a random sample of that size, in which a rank is
off by 0.35 per cent (one standard error). What a type does not have is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.assets.metrics import SHARES, ColumnMetric, Level, Measured, Metrics
from penstock.assets.names import literal, quote
from penstock.assets.partition_range import PartitionRange
from penstock.compiler.content import Columns, version_of
from penstock.compiler.literals import literal_of
from penstock.compiler.partition_filter import Bound
from penstock.compiler.slices import conditions_of, where

_WHOLE = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "BIGNUM",
)  # fmt: skip
_FLOATS = ("FLOAT", "DOUBLE")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_ZONED = "TIMESTAMP WITH TIME ZONE"
_ORDERED = ("VARCHAR", "BOOLEAN", "UUID", "TIME", "TIME_NS")

_LONGEST = 200
"""Characters that are kept of a smallest and a largest value."""

_SAMPLE = 20_000
"""Rows that quantiles are taken of; DuckDB's own `reservoir_quantile` takes the first rows of each thread, sorted or not."""


def measure_query(relation: str, columns: Columns, metrics: Metrics) -> str:
    """Return the statement for one row: what `measured` reads. `relation` is a quoted name or a subquery."""
    return f"select {_expressions(columns, metrics)} from {relation}"


def quantiles_query(relation: str, columns: Columns, metrics: Metrics, rows: int) -> str:
    """Return the statement for one row: a list with the quantiles of each column, NULL where it has none; `rows` is how many there are."""
    return f"select {_quantiles(columns, metrics)} from {relation}{_sample(rows, 1)}"


def measure_partitions_query(relation: str, columns: Columns, part: PartitionRange, metrics: Metrics, dialect: str) -> str:
    """Return the statement for one row for each partition of a range that has rows: its key, then what `measured` reads.

    Raises WarehouseError where the columns do not say which partition a row belongs to.
    """
    return _by_partition(_expressions(columns, metrics), relation, columns, part, dialect)


def partition_quantiles_query(relation: str, columns: Columns, part: PartitionRange, metrics: Metrics, dialect: str, rows: int) -> str:
    """Return the statement for one row for each partition that has rows: its key, then its quantiles; `rows` is how many the range has."""
    held = f"(select * from {relation} where {where(conditions_of(part, columns), dialect)})"
    return _by_partition(_quantiles(columns, metrics), f"{held}{_sample(rows, len(part))}", columns, part, dialect)


def _by_partition(wanted: str, relation: str, columns: Columns, part: PartitionRange, dialect: str) -> str:
    held = where(conditions_of(part, columns), dialect)
    partitions = list(part)
    if len(partitions) == 1 or part.time is None:
        return f"select {literal(partitions[0].key)}, {wanted} from {relation} where {held} having count(*) > 0"
    time = (part.time,)
    lower = ", ".join(_start(PartitionRange(time, (), one.ordinal, one.ordinal + 1), columns, dialect) for one in partitions)
    keys = ", ".join(literal(one.key) for one in partitions)
    names = ", ".join(quote(name) for name, _ in columns)
    rows = f"select {names}, {quote(part.time.column)} as penstock_time from {relation} where {held}"
    starts = f"select unnest([{keys}]) as penstock_partition, unnest([{lower}]) as penstock_start"
    return (
        f"select penstock_partition, {wanted} from ({rows}) as penstock_rows "
        f"asof join ({starts}) as penstock_starts on penstock_rows.penstock_time >= penstock_starts.penstock_start "
        "group by penstock_partition"
    )


def _sample(rows: int, partitions: int) -> str:
    """Return what takes a sample of rows, whatever order they are in; nothing where all of them are few enough."""
    share = 100 * _SAMPLE * partitions / max(rows, 1)
    return f" tablesample bernoulli({share:.6f}%)" if share < 100 else ""


def measured(row: Sequence[Any], columns: Columns, quantiles: Sequence[Any] = ()) -> Measured:
    """Return what a row of these statements says, without its key; `quantiles` is the list of the second one, if there was one."""
    rows, version, *lists = row
    nulls = tuple(int(rows) - int(count) for count in lists[0]) if lists else ()
    each = zip(columns, *lists[1:], quantiles or [None] * len(columns), strict=True) if len(lists) > 1 else ()
    found = tuple(ColumnMetric(name, low, high, count, tuple(at) if at else None) for (name, _), low, high, count, at in each)
    return Measured(int(rows), str(version), nulls, found)


def _start(period: PartitionRange, columns: Columns, dialect: str) -> str:
    """Return the literal at which a period begins, of the type of the column that holds it."""
    bounds = (one for one in conditions_of(period, columns) if isinstance(one, Bound))
    return literal_of(next(bounds).lower, dialect)


def _expressions(columns: Columns, metrics: Metrics) -> str:
    """Return the number of rows, the version, and a list for each thing that is measured of every column."""
    parts = ["count(*)", version_of(columns)]
    if metrics.level != Level.OFF:
        parts.append(_list(columns, lambda column: f"count({quote(column[0])})"))
    if metrics.level == Level.FULL:
        shown = _shown(columns, metrics)
        parts += [
            _list(shown, lambda column: _extreme("min", column), "varchar"),
            _list(shown, lambda column: _extreme("max", column), "varchar"),
            _list(columns, _distinct, "bigint"),
        ]
    return ", ".join(parts)


def _quantiles(columns: Columns, metrics: Metrics) -> str:
    return _list(_shown(columns, metrics), _ranked, "double[]")


def _shown(columns: Columns, metrics: Metrics) -> Columns:
    """Return the columns, those without a type whose values must not be kept."""
    masked = metrics.masked
    return [(name, "" if masked is None or name.lower() in masked else kind) for name, kind in columns]


def _list(columns: Columns, expression: Callable[[tuple[str, str]], str], kind: str = "") -> str:
    """Return a list; a cast, for lists that may hold nothing but NULL, takes as long as four counts."""
    return f"[{', '.join(map(expression, columns))}]{f'::{kind}[]' if kind else ''}"


def _extreme(function: str, column: tuple[str, str]) -> str:
    """Return the smallest or largest value as text; NaN and infinite times are none, and instants are written in UTC."""
    name, kind = quote(column[0]), column[1]
    if kind in _FLOATS:
        return f"cast({function}({name}) filter (where not isnan({name})) as varchar)"
    if kind == _ZONED:
        return f"cast(make_timestamp(epoch_us({function}({name}) filter (where isfinite({name})))) as varchar) || '+00'"
    if kind in _TIMES:
        return f"cast({function}({name}) filter (where isfinite({name})) as varchar)"
    if _is_number(kind) or _has_order(kind):
        return f"left(cast({function}({name}) as varchar), {_LONGEST})"
    return "null"


def _distinct(column: tuple[str, str]) -> str:
    name, kind = column
    known = _is_number(kind) or _has_order(kind) or kind in (*_FLOATS, *_TIMES, _ZONED)
    return f"approx_count_distinct({quote(name)})" if known else "null"


def _ranked(column: tuple[str, str]) -> str:
    """Return the quantiles of numbers as they are, and of times as seconds since 1970."""
    name, kind = quote(column[0]), column[1]
    shares = f"[{', '.join(map(str, SHARES))}]"
    if kind in _FLOATS:
        return f"quantile_disc(cast({name} as double), {shares}) filter (where isfinite({name}))"
    if _is_number(kind):
        return f"quantile_disc(cast({name} as double), {shares})"
    if kind in (*_TIMES, _ZONED):
        return f"quantile_disc(epoch({name}), {shares}) filter (where isfinite({name}))"
    return "null"


def _is_number(kind: str) -> bool:
    return kind in _WHOLE or kind.startswith("DECIMAL(")


def _has_order(kind: str) -> bool:
    return kind in _ORDERED or kind.startswith("ENUM(")
