"""Asking the warehouse what an input holds for each partition of its reader."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from penstock.assets.names import RelationName
from penstock.assets.partition_range import PartitionRange
from penstock.assets.partitions import PartitionSet
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
