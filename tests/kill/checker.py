"""What is wrong with a database after a kill, told in plain SQL from the project's queries and the state tables' columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.kill import project
from tests.kill.due import Due
from tests.kill.judge import Judge, last_run, latest

STATE_TABLES = {
    1: "meta run run_end decision claim attempt materialization materialization_input observation check_result asset edge asset_column column_edge",
    2: "definition",
    3: "code_alias projection",
    4: "source_freshness",
    5: "agreed_input partition_gap backfill backfill_partition backfill_end",
    6: "check_sample waiver column_metric relation_column column_coverage cursor_column",
}
"""What each version of the schema added."""


@dataclass(frozen=True, slots=True)
class Ack:
    """One line that a worker printed: this result is there."""

    asset: str
    partition: str
    token: int
    rows: int | None


def violations(judge: Judge, acks: Sequence[Ack], before: Due) -> Iterator[str]:
    """Yield everything that is wrong with a database after a kill; `before` is what the killed build had to do."""
    yield from _store(judge)
    standing = judge.relations()
    if not judge.has_store:
        yield from (f"{name}: stands without any record" for name in standing)
        yield from (f"{ack.asset}: acknowledged, but there is no store" for ack in acks)
        return
    yield from _records_agree(judge, standing)
    yield from _appended_once(judge)
    yield from _written_once(judge)
    yield from _acknowledged(judge, acks)
    yield from _only_due(judge, before)


def _store(judge: Judge) -> Iterator[str]:
    tables = {name for (name,) in judge.ask("select table_name from duckdb_tables() where schema_name = ?", [project.STATE])}
    if not judge.has_store:
        return
    if not tables:
        yield "the store has a schema and no tables"
        return
    noted = judge.ask(f"select value::integer from {project.STATE}.meta where key = 'schema_version'")
    if len(noted) != 1 or noted[0][0] not in STATE_TABLES:
        yield "the store does not say its version"
        return
    wanted = {name for version, names in STATE_TABLES.items() if version <= noted[0][0] for name in names.split()}
    if tables != wanted:
        yield f"the store is half made: {sorted(wanted ^ tables)} do not go with version {noted[0][0]}"


def _records_agree(judge: Judge, standing: Mapping[str, str]) -> Iterator[str]:
    """Relation and record: both or neither; rows and content hash the same."""
    records = latest(judge)
    recorded = {asset for asset, _ in records}
    for node in project.NODES:
        if (node.name in standing) != (node.key in recorded):
            yield f"{node.key}: relation {'stands' if node.name in standing else 'is missing'}, record is {'there' if node.key in recorded else 'missing'}"
        elif node.name in standing and node.how != "view":
            for name, start, end in project.partitions_of(node):
                version, rows = judge.content(node.relation, start, end)
                seen = records.get((node.key, name), (0, "nothing", 0))
                if seen[1:] != (version, rows) and (rows or seen[0]):
                    yield f"{node.key} {name}: holds {version}, on record is {seen[1]} with {seen[2]} rows"


def _appended_once(judge: Judge) -> Iterator[str]:
    """Every recorded run added its rows exactly once, and nobody else added any."""
    node = project.BY_KEY[project.APPENDED]
    recorded = judge.ask(
        f"select run_id, count(*) from {project.STATE}.materialization where asset = ? group by all order by all", [node.key]
    )
    found = (
        judge.ask(f"select run_id, count(*) from (select run_id, id from {node.relation}) where id = 0 group by all order by all")
        if recorded
        else []
    )
    if recorded != found:
        yield f"{node.key}: runs on record {recorded}, runs in the table {found}"


def _written_once(judge: Judge) -> Iterator[str]:
    state = project.STATE
    for row in judge.ask(f"select asset, partition, token, count(*) from {state}.materialization group by all having count(*) > 1"):
        yield f"recorded more than once: {row}"
    for row in judge.ask(
        f"select asset, partition, token, count(*) from {state}.attempt where status = 'success' group by all having count(*) > 1 union all "
        f"select m.asset, m.partition, m.token, 0 from {state}.materialization as m anti join "
        f"(from {state}.attempt where status = 'success') as a using (asset, partition, token)"
    ):
        yield f"successful attempts of one record: {row}"
    counted = judge.ask(
        f"select m.asset, m.token, count(i.input) from {state}.materialization as m "
        f"left join {state}.materialization_input as i using (asset, partition, token) group by all"
    )
    for asset, token, count in counted:
        if count != len(project.inputs_of(project.BY_KEY[asset])) + (asset == project.READINGS):
            yield f"{asset} {token}: {count} inputs on record"
    for row in judge.ask(f"select run_id, asset, partition from {state}.materialization group by all having count(*) > 1"):
        yield f"built twice in one run: {row}"


def _acknowledged(judge: Judge, acks: Sequence[Ack]) -> Iterator[str]:
    recorded = {
        (a, p, t): rows for a, p, t, rows in judge.ask(f"select asset, partition, token, rows from {project.STATE}.materialization")
    }
    for ack in acks:
        place = (ack.asset, ack.partition, ack.token)
        if place not in recorded or recorded[place] != ack.rows:
            yield f"acknowledged and not on record: {ack}"


def _only_due(judge: Judge, before: Due) -> Iterator[str]:
    """Whatever was decided or written since may only be what was due then."""
    state = project.STATE
    last = last_run(judge)
    decided = {a for (a,) in judge.ask(f"select asset from {state}.decision where run_id = ? and decision = 'BUILD'", [last])}
    decided &= set(project.BY_KEY)
    newer = judge.ask(f"select asset, partition from {state}.materialization where token > ?", [before.token])
    for asset, name in newer:
        if asset not in before.assets or (name and (asset, name) not in before.slices):
            yield f"{asset} {name}: done again, though it was not due"
    allowed = before.assets | before.overtaken
    if last != before.run and not before.must <= decided <= allowed:
        yield f"decided otherwise than the records say: {sorted(before.must - decided)} not, {sorted(decided - allowed)} too much"
