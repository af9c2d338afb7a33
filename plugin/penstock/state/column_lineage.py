"""Column lineage in the state tables: what is on record of it, and writing what differs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from penstock.assets.names import AssetKey
from penstock.assets.redact import redact
from penstock.graph.column_readings import ColumnReading, ColumnsOnRecord
from penstock.parser.column_lineage import Flow
from penstock.state.store import Statements

_EDGE = ("from_assets", "from_columns", "to_assets", "to_columns", "kinds", "details")

EdgeRow = tuple[str, str, str, str, str, str | None]
"""One row of `column_edge`: where from, where to, how, and why it is unknown (None where it is not)."""


def columns_on_record(sql: Statements) -> dict[AssetKey, ColumnsOnRecord]:
    """Return what was last recorded of each asset's reading."""
    rows = sql.run("recorded_coverage")
    return {asset: ColumnsOnRecord(version, tuple(names), tuple(inputs)) for asset, version, names, inputs in rows}


def is_current(sql: Statements, version: str) -> bool:
    """Whether this is the version of everything that lineage was last read from."""
    return sql.run("get_meta", {"key": "column_lineage"}) == [(version,)]


def record_readings(sql: Statements, run_id: str, readings: Sequence[ColumnReading], gone: Collection[AssetKey], version: str) -> None:
    """Write what differs from the record, and forget assets that are `gone`; all of it is one transaction."""
    sql.connection.begin()
    try:
        if readings or gone:
            _record_edges(sql, run_id, readings, gone)
            _record_coverage(sql, run_id, readings, gone)
        sql.run("remove_meta", {"key": "column_lineage"})
        sql.run("set_meta", {"key": "column_lineage", "value": version})
    except BaseException:
        sql.connection.rollback()
        raise
    sql.connection.commit()


def _record_edges(sql: Statements, run_id: str, readings: Sequence[ColumnReading], gone: Collection[AssetKey]) -> None:
    assets = [*(reading.key for reading in readings), *gone]
    recorded = {row[:5]: row[5] for row in sql.run("recorded_column_edges", {"assets": assets})}
    current = {row[:5]: row[5] for reading in readings for row in _rows(reading)}
    rows = [(*edge, detail) for edge, detail in current.items() if edge not in recorded or recorded[edge] != detail]
    removed = [(*edge, detail) for edge, detail in recorded.items() if edge not in current]
    if rows or removed:
        values = dict(zip(_EDGE, map(list, zip(*rows, *removed, strict=True)), strict=True))
        flags = [False] * len(rows) + [True] * len(removed)
        sql.run("insert_column_edges", {"run_id": run_id, **values, "removed": flags})


def _rows(reading: ColumnReading) -> Iterable[EdgeRow]:
    why = redact("; ".join(reading.unknown))
    for edge in reading.edges:
        detail = why if edge.flow is Flow.UNKNOWN else None
        yield edge.from_asset, edge.from_column, edge.to_asset, edge.to_column, edge.flow.value, detail


def _record_coverage(sql: Statements, run_id: str, readings: Sequence[ColumnReading], gone: Collection[AssetKey]) -> None:
    sql.run(
        "insert_column_coverage",
        {
            "run_id": run_id,
            "assets": [*(reading.key for reading in readings), *gone],
            "versions": [*(reading.on_record.version for reading in readings), *("" for _ in gone)],
            "columns": [*(len(reading.on_record.columns) if reading.is_made else 0 for reading in readings), *(0 for _ in gone)],
            "known": [*(reading.known if reading.is_made else 0 for reading in readings), *(0 for _ in gone)],
            "reasons": [*(redact("; ".join(reading.unknown)) for reading in readings), *("" for _ in gone)],
            "names": [*(list(reading.on_record.columns) for reading in readings), *([] for _ in gone)],
            "inputs": [*(list(reading.on_record.inputs) for reading in readings), *([] for _ in gone)],
        },
    )
