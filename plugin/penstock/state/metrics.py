"""Measuring what a build wrote, and recording it, inside the transaction that wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.assets.metrics import ColumnMetric, Level, Measured, Metrics
from penstock.assets.names import AssetKey
from penstock.assets.partition_range import PartitionRange
from penstock.compiler.content import Columns, schema_of
from penstock.compiler.metrics import measure_partitions_query, measure_query, measured, partition_quantiles_query, quantiles_query
from penstock.state.store import Statements


def measure(sql: Statements, relation: str, columns: Columns, metrics: Metrics) -> Measured:
    """Look at all rows of a relation or subquery. Raises WarehouseError where it cannot be read."""
    row = sql.connection.execute(measure_query(relation, columns, metrics))[0]
    if metrics.level != Level.FULL:
        return measured(row, columns)
    return measured(row, columns, sql.connection.execute(quantiles_query(relation, columns, metrics, row[0]))[0][0])


def measure_partitions(
    sql: Statements, relation: str, columns: Columns, part: PartitionRange, metrics: Metrics, dialect: str
) -> dict[str, Measured]:
    """Look at the rows of each partition of a range, by key. Raises WarehouseError where they cannot be told apart."""
    rows = {str(key): row for key, *row in sql.connection.execute(measure_partitions_query(relation, columns, part, metrics, dialect))}
    quantiles: dict[str, Sequence[Any]] = {}
    if metrics.level == Level.FULL and rows:
        total = sum(row[0] for row in rows.values())
        quantiles = dict(sql.connection.execute(partition_quantiles_query(relation, columns, part, metrics, dialect, total)))
    empty = Measured(0, f"rows:0:0:{schema_of(columns)}", (0,) * len(columns) if metrics.level != Level.OFF else ())
    found = {key: measured(row, columns, quantiles.get(key, ())) for key, row in rows.items()}
    return {one.key: found.get(one.key, empty) for one in part}


def record_column_metrics(sql: Statements, run_id: str, asset: AssetKey, found: Mapping[tuple[str, int], Measured]) -> None:
    """Append what was measured of columns, by partition and token; nothing at all where nothing was."""
    rows = [(partition, token, one) for (partition, token), each in found.items() for one in each.columns]
    if rows:
        sql.run("record_column_metrics", {"run_id": run_id, "asset": asset, **_parameters(rows)})


def _parameters(rows: list[tuple[str, int, ColumnMetric]]) -> dict[str, list[Any]]:
    return {
        "metric_partitions": [partition for partition, _, _ in rows],
        "metric_tokens": [token for _, token, _ in rows],
        "metric_columns": [one.column for _, _, one in rows],
        "smallest": [one.smallest for _, _, one in rows],
        "largest": [one.largest for _, _, one in rows],
        "distinct_counts": [one.distinct_count for _, _, one in rows],
        "quantiles": [None if one.quantiles is None else list(one.quantiles) for _, _, one in rows],
    }
