"""What the next build may and must do, and what every relation must hold then, worked out in plain SQL from the project's queries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from tests.kill import project
from tests.kill.judge import Judge, Slice, last_run, latest


@dataclass(frozen=True, slots=True)
class Due:
    """What a build of a given round has to do, as the database stood before it; `token` and `run` are the latest on record then.

    `must` is what no input could excuse: never built, or in flight when a process died. `assets` may be built besides,
    since something they read holds other rows, though perhaps not in the columns that they read. `overtaken` have days whose
    input holds something else by now, and may hold the same again before their turn: the plan may count them as due.
    """

    assets: frozenset[str] = frozenset(project.BY_KEY)
    must: frozenset[str] = frozenset(project.BY_KEY)
    slices: frozenset[Slice] = frozenset()
    overtaken: frozenset[str] = frozenset()
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
        return cls(frozenset(raw["assets"]), frozenset(raw["must"]), slices, frozenset(raw["overtaken"]), raw["token"], raw["run"])


EVERYTHING = Due(slices=frozenset((node.key, name) for node in project.NODES for name, _, _ in project.partitions_of(node) if name))


def due(judge: Judge, number: int) -> Due:
    """Work out what a build in round `number` has to do: what was in flight, and what is not current with its inputs then."""
    if not judge.has_store:
        return EVERYTHING
    records = latest(judge)
    consumed = _inputs_on_record(judge)
    expected = _expected_contents(judge, number)
    open_claims = set(
        judge.ask(
            f"select asset, partition from {project.STATE}.claim anti join {project.STATE}.materialization using (asset, partition, token)"
        )
    )
    versions = {place: version for place, version in expected.items() if place[0].startswith("source.")}
    assets: set[str] = set()
    must: set[str] = set()
    slices: set[Slice] = set()
    overtaken: set[str] = set()
    recorded = {one: version for one, (_, version, _) in records.items()}
    for node in project.NODES:
        places = [(node.key, name) for name, _, _ in project.partitions_of(node)]
        for one in places:
            wanted = {parent: _of_a_day(versions, node, parent, one[1]) for parent in project.inputs_of(node)}
            if one in open_claims or one not in records:
                must.add(node.key)
                slices.add(one)
            elif node.how not in ("view", "files") and consumed.get((*one, records[one][0])) != wanted:
                slices.add(one)
            elif node.how == "slices" and any(
                version != _of_a_day(recorded, node, parent, one[1]) for parent, version in consumed[(*one, records[one][0])].items()
            ):
                overtaken.add(node.key)
        if any(one in slices for one in places):
            assets.add(node.key)
        held = {one: records[one][1] if one not in slices else expected.get(one, "new") for one in places}
        versions |= held
        if node.by_day:
            versions[node.key, ""] = _together(held)
    token = max((seen[0] for seen in records.values()), default=0)
    days = frozenset(one for one in slices if one[1])
    return Due(frozenset(assets), frozenset(must), days, frozenset(overtaken), token, last_run(judge))


def _of_a_day(versions: Mapping[Slice, str], node: project.Node, parent: str, day: str) -> str:
    """Return what a node reads of an input for a day: the rows of that day where both have days, or its batches are cut by time."""
    cut = node.how == "batches" or (node.by_day and parent in project.BY_KEY and project.BY_KEY[parent].by_day)
    return versions[parent, day if cut else ""]


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
        for name, start, end in project.days():
            found["source.kill.events", name] = judge.content("(select day, id, n from src.events)", start, end)[0]
        for node in project.NODES:
            if project.APPENDED not in (node.key, *node.parents) and node.how != "view":
                places = project.partitions_of(node)
                found |= {(node.key, name): judge.content(node.relation, start, end)[0] for name, start, end in places}
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
        sql = appended if node.key == project.APPENDED else project.plain_sql(node)
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
        [last_run(judge)],
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
