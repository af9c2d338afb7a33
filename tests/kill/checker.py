"""The judge: opens the database after a kill and says what is wrong, in plain SQL, without Penstock's code.

It knows the project's queries and the state tables' columns, and works out from them what every relation must hold and
what the next build may and must redo.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from tests.kill import project

STATE_TABLES = {
    1: "meta run run_end decision claim attempt materialization materialization_input observation check_result asset edge asset_column column_edge",
    2: "definition",
    3: "code_alias projection",
    4: "source_freshness",
}
"""What each version of the schema added."""

Slice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ack:
    """One line that a worker printed: this result is there."""

    asset: str
    partition: str
    token: int
    rows: int | None


@dataclass(frozen=True, slots=True)
class Due:
    """What a build of a given round has to do, as the database stood before it; `token` and `run` are the latest on record then.

    `must` is what no input could excuse: never built, or in flight when a process died. `assets` may be built besides,
    since something they read holds other rows, though perhaps not in the columns that they read.
    """

    assets: frozenset[str] = frozenset(project.BY_KEY)
    must: frozenset[str] = frozenset(project.BY_KEY)
    slices: frozenset[Slice] = frozenset()
    token: int = 0
    run: str = ""

    def text(self) -> str:
        """Return it as JSON, to be handed from process to process."""
        return json.dumps({name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(self).items()})

    @classmethod
    def of(cls, text: str) -> Due:
        """Read it back."""
        raw = json.loads(text)
        slices = frozenset((asset, name) for asset, name in raw["slices"])
        return cls(frozenset(raw["assets"]), frozenset(raw["must"]), slices, raw["token"], raw["run"])


EVERYTHING = Due(slices=frozenset((project.DAILY, name) for name, _, _ in project.days()))


@dataclass
class Judge:
    """Looks at one database file that nobody else has open."""

    database: Path

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        self.connection.execute(f"attach '{self.database}' as {self.home} (read_only)")
        self.connection.execute(f"use {self.home}")

    @property
    def home(self) -> str:
        """The quoted name of the attached database."""
        return f'"{self.database.stem}"'

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    @property
    def has_store(self) -> bool:
        """Whether a migration ever committed."""
        return bool(
            self.ask("select 1 from duckdb_schemas() where schema_name = ? and database_name = current_database()", [project.STATE])
        )

    def relations(self) -> dict[str, str]:
        """Return what stands in the output schema."""
        rows = self.ask(
            "select table_name, 'table' from duckdb_tables() where schema_name = 'out' and database_name = current_database() union all "
            "select view_name, 'view' from duckdb_views() where schema_name = 'out' and database_name = current_database()"
        )
        return {name: kind for name, kind in rows}  # noqa: C416 (dict() would lose the types)

    def content(self, relation: str, start: datetime | None = None, end: datetime | None = None) -> tuple[str, int]:
        """Return content version and number of rows of a relation or of a slice of it; no column here has a type of special values."""
        where = f" where day >= timestamp '{start}' and day < timestamp '{end}'" if start else ""
        columns = self.ask(f"select column_name, column_type from (describe select * from {relation})")
        hashed = ", ".join([*(f'"{name}"' for name, _ in columns), *("null" for _ in columns)])
        schema = hashlib.md5("\n".join(f"{name} {kind}" for name, kind in columns).encode(), usedforsecurity=False).hexdigest()
        total, rows = self.ask(f"select coalesce(sum(hash({hashed})), 0)::varchar, count(*) from {relation}{where}")[0]
        return f"rows:{rows}:{total}:{schema}", int(rows)

    def newer(self, token: int) -> int:
        """Return how many records came after a token."""
        return (
            int(self.ask(f"select count(*) from {project.STATE}.materialization where token > ?", [token])[0][0]) if self.has_store else 0
        )


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


def _latest(judge: Judge) -> dict[Slice, tuple[int, str, int | None]]:
    rows = judge.ask(
        f"select asset, partition, max(token), max_by(data_version, token), max_by(coalesce(rows, -1), token) "
        f"from {project.STATE}.materialization group by all"
    )
    return {(asset, name): (token, version, None if count < 0 else count) for asset, name, token, version, count in rows}


def _records_agree(judge: Judge, standing: Mapping[str, str]) -> Iterator[str]:
    """Relation and record: both or neither; rows and content hash the same."""
    latest = _latest(judge)
    recorded = {asset for asset, _ in latest}
    for node in project.NODES:
        if (node.name in standing) != (node.key in recorded):
            yield f"{node.key}: relation {'stands' if node.name in standing else 'is missing'}, record is {'there' if node.key in recorded else 'missing'}"
        elif node.name in standing and node.how != "view":
            for name, start, end in _slices(node):
                version, rows = judge.content(node.relation, start, end)
                seen = latest.get((node.key, name), (0, "nothing", 0))
                if seen[1:] != (version, rows) and (rows or seen[0]):
                    yield f"{node.key} {name}: holds {version}, on record is {seen[1]} with {seen[2]} rows"


def _slices(node: project.Node) -> list[tuple[str, datetime | None, datetime | None]]:
    return [*project.days()] if node.how == "days" else [("", None, None)]


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
        if count != len(project.inputs_of(project.BY_KEY[asset])):
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
    last = _last_run(judge)
    decided = {a for (a,) in judge.ask(f"select asset from {state}.decision where run_id = ? and decision = 'BUILD'", [last])}
    decided &= set(project.BY_KEY)
    newer = judge.ask(f"select asset, partition from {state}.materialization where token > ?", [before.token])
    for asset, name in newer:
        if asset not in before.assets or (name and (asset, name) not in before.slices):
            yield f"{asset} {name}: done again, though it was not due"
    if last != before.run and not before.must <= decided <= before.assets:
        yield f"decided otherwise than the records say: {sorted(before.must - decided)} not, {sorted(decided - before.assets)} too much"


def _last_run(judge: Judge) -> str:
    return str(judge.ask(f"select coalesce(max(run_id), '') from {project.STATE}.run")[0][0])


def due(judge: Judge, number: int) -> Due:
    """Work out what a build in round `number` has to do: what was in flight, and what is not current with its inputs then."""
    if not judge.has_store:
        return EVERYTHING
    latest = _latest(judge)
    consumed = _inputs_on_record(judge)
    expected = _expected_contents(judge, number)
    open_claims = set(
        judge.ask(
            f"select asset, partition from {project.STATE}.claim anti join {project.STATE}.materialization using (asset, partition, token)"
        )
    )
    versions = {f"source.kill.{name}": expected[f"source.kill.{name}", ""] for name in project.SOURCES}
    assets: set[str] = set()
    must: set[str] = set()
    slices: set[Slice] = set()
    for node in project.NODES:
        wanted = {parent: versions[parent] for parent in project.inputs_of(node)}
        for one in ((node.key, name) for name, _, _ in _slices(node)):
            if one in open_claims or one not in latest:
                must.add(node.key)
            if one in open_claims or one not in latest or (node.how != "view" and consumed.get((*one, latest[one][0])) != wanted):
                slices.add(one)
        if any(one[0] == node.key for one in slices):
            assets.add(node.key)
        held = {
            one: latest[one][1] if one not in slices else expected.get(one, "new")
            for one in ((node.key, name) for name, _, _ in _slices(node))
        }
        versions[node.key] = _together(held) if node.how == "days" else held[node.key, ""]
    token = max((seen[0] for seen in latest.values()), default=0)
    return Due(frozenset(assets), frozenset(must), frozenset(one for one in slices if one[1]), token, _last_run(judge))


def _inputs_on_record(judge: Judge) -> dict[tuple[str, str, int], dict[str, str]]:
    found: dict[tuple[str, str, int], dict[str, str]] = {}
    for asset, name, token, source, version in judge.ask(
        f"select asset, partition, token, input, input_version from {project.STATE}.materialization_input"
    ):
        found.setdefault((asset, name, token), {})[source] = version
    return found


def _together(held: Mapping[Slice, str]) -> str:
    """Return the version of a table with partitions: that of all their versions."""
    text = " ".join(f"{name}={version}" for (_, name), version in sorted(held.items()))
    schema = next(iter(held.values())).rpartition(":")[2]
    return f"parts:{len(held)}:{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}:{schema}"


def _expected_contents(judge: Judge, number: int) -> dict[Slice, str]:
    """Return what plain SQL makes of the sources of a round, but for what depends on the runs there were: that is always new."""
    found: dict[Slice, str] = {}
    with _expected(judge, number):
        for source in project.SOURCES:
            found[f"source.kill.{source}", ""] = judge.content(f"src.{source}")[0]
        for node in project.NODES:
            if project.APPENDED not in (node.key, *node.parents) and node.how != "view":
                found |= {(node.key, name): judge.content(node.relation, start, end)[0] for name, start, end in _slices(node)}
    return found


@contextmanager
def _expected(judge: Judge, number: int) -> Iterator[None]:
    """Make the whole project by plain SQL in a database of its own, and stay in it."""
    appended = _expected_arrivals(judge)
    judge.connection.execute("attach ':memory:' as expected")
    judge.connection.execute("use expected")
    for statement in ("create schema out", *project.load_sql(number)):
        judge.connection.execute(statement)
    for node in project.NODES:
        sql = appended if node.key == project.APPENDED else node.sql
        judge.connection.execute(f"create {'view' if node.how == 'view' else 'table'} {node.relation} as {sql}")
    try:
        yield
    finally:
        judge.connection.execute(f"use {judge.home}")
        judge.connection.execute("detach expected")


def unfinished(judge: Judge, number: int) -> Iterator[str]:
    """Yield every relation that differs, after a build that ended well, from the same project built by plain SQL."""
    with _expected(judge, number):
        judge.connection.execute(f"use {judge.home}")
        for node in project.NODES:
            pair = node.relation, f"expected.{node.relation}"
            rows = judge.ask(f"(from {pair[0]} except all from {pair[1]}) union all (from {pair[1]} except all from {pair[0]})")
            if rows:
                yield f"{node.key}: {len(rows)} rows differ from plain SQL in round {number}"
    state = project.STATE
    open_ends = judge.ask(
        f"select asset from {state}.decision where run_id = ? group by asset having max(decision) = 'MAYBE' and count(*) = 1",
        [_last_run(judge)],
    )
    yield from (f"{asset}: never decided" for (asset,) in open_ends)


def _expected_arrivals(judge: Judge) -> str:
    """Return a query for what every recorded run must have appended, by the version of the source that it says it read."""
    known = {_source_version(judge, "orders", number): project.variant("orders", number) for number in range(6)}
    rows = judge.ask(
        f"select m.run_id, i.input_version from {project.STATE}.materialization as m "
        f"join {project.STATE}.materialization_input as i using (asset, token) where asset = ?", [project.APPENDED]
    )  # fmt: skip
    nothing = f"select '' as run_id, id, amount from ({project.source_sql('orders', 0)}) limit 0"
    parts = [f"select '{run}' as run_id, id, amount from ({project.source_sql('orders', known[version])})" for run, version in rows]
    return " union all ".join([*parts, f"({nothing})"])


def _source_version(judge: Judge, source: str, number: int) -> str:
    return judge.content(f"({project.source_sql(source, project.variant(source, number))})")[0]
