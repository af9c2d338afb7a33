"""What a check names as the relation `history`: what earlier builds of its asset measured, and what checks found in them.

One row for each build, or for each partition that a build wrote, and never one of rows that were not published:

| column | type | |
| --- | --- | --- |
| run_id | VARCHAR | the run that built it |
| measured_at | TIMESTAMP | when it was committed, in UTC |
| partition | VARCHAR | its key, empty for an asset without partitions |
| partition_start | TIMESTAMP | where its time begins, in UTC; NULL without a time dimension |
| is_current | BOOLEAN | whether no later build wrote it anew |
| rows | BIGINT | |
| columns | MAP(VARCHAR, STRUCT) | by name: nulls, and with `metrics: full` smallest, largest, distinct_count, quantiles |
| checks | MAP(VARCHAR, STRUCT) | what that run found, by the check's id: status, failures |
"""

from __future__ import annotations

from penstock.assets.names import AssetKey
from penstock.compiler.literals import literal_of

_HISTORY = """(
    select m.run_id, m.measured_at, m."partition", m.partition_start,
        m.token = max(m.token) over (partition by m."partition") as is_current, m."rows",
        coalesce(c.columns, map()) as columns, coalesce(k.checks, map()) as checks
    from {schema}.metric_history as m
    left join (
        select token, "partition",
            map_from_entries(list(("column", {{
                'nulls': nulls, 'smallest': smallest, 'largest': largest, 'distinct_count': distinct_count, 'quantiles': quantiles
            }}))) as columns
        from {schema}.column_metric_history
        where asset = {asset}
        group by token, "partition"
    ) as c using (token, "partition")
    left join (
        select run_id, map_from_entries(list(("check", {{'status': status, 'failures': failures}}))) as checks
        from (
            select run_id, "check", max_by(status, checked_at) as status, max_by(failures, checked_at) as failures
            from {schema}.check_history
            where asset = {asset}
            group by run_id, "check"
        )
        group by run_id
    ) as k using (run_id)
    where m.asset = {asset}
)"""


def history_sql(schema: str, asset: AssetKey, dialect: str = "duckdb") -> str:
    """Return what stands for `history` in a check of an asset, as something to select from; `schema` is the quoted state schema."""
    return _HISTORY.format(schema=schema, asset=literal_of(asset, dialect))
