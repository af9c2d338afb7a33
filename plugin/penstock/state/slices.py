"""Asking the warehouse what single partitions hold: of an input for its reader, of an asset itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from penstock.assets.dimensions import QueryDimension
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSet, PartitionSpec
from penstock.assets.records import PartitionRecord
from penstock.compiler.content import schema_of
from penstock.compiler.slices import partitioned_content_query
from penstock.errors import WarehouseError
from penstock.state.store import Statements


def slices_of(
    sql: Statements, relation: RelationName | None, event_time: str, partitions: PartitionSet, dialect: str, only: Collection[str] | None
) -> dict[str, str]:
    """Return the version of the rows of each partition's time, by `event_time`; `only` are the columns that count, None for all.

    A relation that cannot be read gives nothing: then nothing is known.
    """
    if relation is None or partitions.spec.time is None:
        return {}
    try:
        columns = sql.run("describe", relation=relation.sql)
        counted = columns if only is None else sorted((one for one in columns if one[0].lower() in only), key=lambda one: one[0].lower())
        found = dict.fromkeys(partitions.keys(), f"rows:0:0:{schema_of(counted)}")
        for part in partitions.ranges():
            time = replace(partitions.spec.time, column=event_time)
            renamed = PartitionRange((time,), (), part.first, part.stop)
            for key, _, version in sql.connection.execute(partitioned_content_query(relation.sql, columns, renamed, dialect, only)):
                found[key] = str(version)
    except WarehouseError:
        return {}
    return found


def with_listed_values(sql: Statements, key: AssetKey, spec: PartitionSpec) -> PartitionSpec:
    """Return the definition of an asset's partitions with what its queries list now. Raises WarehouseError for one that cannot be asked."""
    values = {}
    for one in spec.dimensions:
        if isinstance(one, QueryDimension):
            try:
                rows = sql.connection.execute(one.query)
            except WarehouseError as error:
                raise WarehouseError(f"{key}: the values of `{one.name}` cannot be listed: {error}") from error
            values[one.name] = [str(row[0]) for row in rows if row[0] is not None]
    return spec.with_values(values) if values else spec


def changed_slices(
    sql: Statements, relation: RelationName, held: PartitionSet, records: Mapping[str, PartitionRecord], dialect: str
) -> list[str]:
    """Return the keys of the partitions that do not hold what their records say. Raises WarehouseError where that cannot be read."""
    columns = sql.run("describe", relation=relation.sql)
    found = dict.fromkeys(held.keys(), f"rows:0:0:{schema_of(columns)}")
    for part in held.ranges():
        for key, _, version in sql.connection.execute(partitioned_content_query(relation.sql, columns, part, dialect)):
            found[key] = str(version)
    return [key for key, version in found.items() if version != records[key].data_version]
