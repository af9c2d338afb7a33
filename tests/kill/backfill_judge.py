"""What is wrong with the ledger of a backfill that was killed, told in plain SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.kill.backfill_project import DAYS_AT_ONCE, INGEST, PARTITIONED, PLAIN, RANGES, SUMMARY
from tests.kill.judge import Judge

IN_FLIGHT = 22 + 2 * DAYS_AT_ONCE
"""So many partitions are claimed and not yet recorded at the most: those claimed together, and two ranges claimed before them."""

_LEDGER = f"""
with held as (
    select 'day=' || "day" || ',region=' || region as "partition", count(*) as "rows",
        coalesce(sum(hash("day", region, id, amount, null, null, null, null)), 0)::varchar as total
    from main.by_region group by all
),
recorded as (
    select "partition", max("rows") as "rows", max(split_part(data_version, ':', 3)) as total, count(*) as times
    from penstock.materialization where asset = '{PARTITIONED}' group by all
)
select coalesce(h."partition", r."partition"), h."rows", r."rows", r.times
from held as h full join recorded as r using ("partition")
where h."rows" is distinct from r."rows" or h.total is distinct from r.total or r.times <> 1
"""

_ATTEMPTS = """
select asset, "partition", count(*) filter (status = 'success') as good, list(distinct status) as found
from penstock.attempt
group by asset, "partition"
having good > 1 or max(token) > max(token) filter (status = 'success')
    or list_sort(list(distinct status)) not in (['success'], ['crashed'], ['crashed', 'success'])
"""

_CRASHED = f"""
select run_id, count(*) from penstock.attempt
where status = 'crashed' and asset = '{PARTITIONED}' group by all having count(*) > {IN_FLIGHT}
"""

_TWICE = """
select asset, "partition", count(*) from penstock.materialization group by all having count(*) > 1
"""


def violations(judge: Judge, said: Sequence[str]) -> Iterator[str]:
    """Yield what does not agree; `said` are the keys of partitions that somebody was told are done."""
    if not judge.has_store:
        yield from (f"{key}: told, but there is no store" for key in said)
        return
    standing = judge.ask("select table_name from duckdb_tables() where schema_name = 'main' and database_name = current_database()")
    recorded = {key for (key,) in judge.ask(f"select \"partition\" from penstock.materialization where asset = '{PARTITIONED}'")}
    if ("by_region",) in standing:
        yield from (f"{row[0]}: holds {row[1]} rows, {row[2]} on record, {row[3]} times" for row in judge.ask(_LEDGER))
    elif recorded:
        yield "there are records and no table"
    yield from (f"{key}: told, and not on record" for key in said if key not in recorded)
    yield from (f"{asset} {key}: recorded {times} times" for asset, key, times in judge.ask(_TWICE))
    yield from (f"{asset} {key}: attempted again after a success, or {found}" for asset, key, _, found in judge.ask(_ATTEMPTS))
    yield from (f"{run}: {count} partitions count as crashed, {IN_FLIGHT} could be in flight" for run, count in judge.ask(_CRASHED))


def unfinished(judge: Judge) -> Iterator[str]:
    """Yield what a backfill that ended well left undone."""
    for name, query in PLAIN.items():
        table = f"main.{name}"
        if judge.ask(f"(from {table} except all ({query})) union all (({query}) except all from {table})"):
            yield f"{name}: other rows than by plain SQL"
    held = dict(judge.ask("select asset, count(*) from penstock.materialization group by all"))
    if held != {PARTITIONED: 3 * 365, INGEST: 1, SUMMARY: 1}:
        yield f"built: {held}"
    if judge.ask("select status from penstock.backfill_end") != [("success",)]:
        yield "the backfill did not end once and well"
    if (
        judge.ask(f"select count(distinct started_at) from penstock.attempt where status = 'success' and asset = '{PARTITIONED}'")[0][0]
        < RANGES
    ):
        yield f"fewer than {RANGES} queries made it: they were to be seven days each"
