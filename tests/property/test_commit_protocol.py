"""The commit protocol under crashes, lost replies, second runners and stale tokens, on an in-memory DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.assets.names import literal, quote
from penstock.errors import CommitLost, StaleClaim, WarehouseError
from penstock.runner.commit import Publication, hooks_sql, publish, read_back
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse
from penstock.warehouse.failpoints import InjectedFault, arm
from penstock.warehouse.protocol import Connection, Row

STATE = 'state "of" it'
NOON = datetime(2024, 1, 1, 12)
DAYS = {"": (None, None), "d1": (datetime(2024, 1, 1), datetime(2024, 1, 2)), "d2": (datetime(2024, 1, 2), datetime(2024, 1, 3))}
PLACES = (("replaced", ""), ("appended", ""), ("sliced", "d1"), ("sliced", "d2"))
RUNNERS = ("a", "b")
BEFORE_COMMIT = (
    "begin.after", "fence.before", "fence.after", "write.before", "write.after", "record_table.before", "record_table.after",
    "record_inputs.before", "record_inputs.after", "record_attempt.before", "record_attempt.after", "commit.before",
)  # fmt: skip
AFTER_COMMIT = ("commit.after", "read_back.before", "read_back.after")
COMMITS = ("reply lost", "refused", "rolled back in silence")

Place = tuple[str, str]
ticks = count()


def clock() -> datetime:
    """A clock that stands still twice in a row: two touches of a claim may carry the same time."""
    return NOON + timedelta(seconds=next(ticks) // 2)


class Flaky:
    """A connection whose next commit, or whose whole process, goes wrong in a chosen way."""

    def __init__(self, inner: Connection) -> None:
        self.inner = inner
        self.commit_fails = ""
        self.dead = False
        self.before_commit: Callable[[], object] = lambda: None

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return self.inner.execute(sql, parameters)

    def begin(self) -> None:
        self.inner.begin()

    def commit(self) -> None:
        how, self.commit_fails = self.commit_fails, ""
        self.before_commit()
        if how in ("refused", "rolled back in silence"):
            self.inner.rollback()
        else:
            self.inner.commit()
        if how in ("refused", "reply lost"):
            raise WarehouseError(how)

    def rollback(self) -> None:
        """A dead process rolls nothing back; its connection is just gone."""
        if not self.dead:
            self.inner.rollback()

    def interrupt(self) -> None:
        self.inner.interrupt()

    def close(self) -> None:
        self.inner.close()


class Runner:
    """One Penstock: a connection that can be lost, and the tokens it believes to hold."""

    def __init__(self, name: str, warehouse: DuckDBWarehouse) -> None:
        self.name = name
        self.warehouse = warehouse
        self.tokens: dict[Place, int] = {}
        self.restart()

    def restart(self) -> None:
        """Come back with a new connection."""
        self.connection = Flaky(self.warehouse.connect())
        self.sql = Statements(self.connection, STATE)

    def crash(self) -> None:
        """Lose the connection with whatever is open on it, and come back."""
        self.connection.close()
        self.restart()

    def claim(self, places: list[Place]) -> dict[Place, int]:
        tokens = StateWriter(self.sql).claim(f"run {self.name}", places, clock())
        self.tokens.update(tokens)
        return tokens

    def publish(self, place: Place, size: int, meanwhile: Callable[[], None] = lambda: None) -> int | None:
        """Publish `size` rows that carry the token; `meanwhile` happens before they are written."""
        what = publication(place, self.tokens[place], f"run {self.name}")

        def write() -> None:
            meanwhile()
            for statement in write_sql(place, what.token, size):
                self.connection.execute(statement)

        return publish(self.sql, what, write, clock)


def publication(place: Place, token: int, run_id: str) -> Publication:
    """Return what the record of a place will say."""
    asset, partition = place
    start, end = DAYS[partition]
    what = Publication(
        run_id=run_id, asset=asset, token=token, relation=quote(asset), relation_name=asset, relation_type="table", code_version="1",
        executor="native", inputs={"source": "v"}, started_at=NOON, partition=partition,
    )  # fmt: skip
    return what if start is None or end is None else what.for_partition(start, end, "moment")


def write_sql(place: Place, token: int, size: int) -> list[str]:
    """Return the statements that write `size` rows to a place."""
    asset, partition = place
    at = DAYS[partition][0] or NOON
    rows = f"select {token} as token, i as number, timestamp '{at}' as moment from range({size}) as r(i)"
    if asset == "replaced":
        return [f"create or replace table replaced as {rows}"]
    remove = [f"delete from sliced where moment = timestamp '{at}'"] if asset == "sliced" else []
    return [*remove, f"insert into {asset} {rows}"]


class CommitProtocol(RuleBasedStateMachine):
    """Two runners on one database, against a model of what was published."""

    @initialize()
    def start(self) -> None:
        self.warehouse = DuckDBWarehouse.in_memory()
        self.root = Statements(self.warehouse.connect(), STATE)
        migrate(self.root)
        for table in ("replaced", "appended", "sliced"):
            self.root.connection.execute(f"create table {table} (token bigint, number bigint, moment timestamp)")
        self.runners = {name: Runner(name, self.warehouse) for name in RUNNERS}
        self.valid: dict[Place, int] = {}
        self.published: dict[Place, dict[int, int]] = {place: {} for place in PLACES}
        self.highest = 0

    def teardown(self) -> None:
        arm(None)
        if hasattr(self, "warehouse"):
            self.warehouse.close()

    def holds(self, runner: str, place: Place) -> bool:
        """Whether a runner's token is the one that counts; a token is good for one publication."""
        return self.runners[runner].tokens.get(place) == self.valid.get(place, 0)

    def note(self, runner: str, place: Place, size: int) -> None:
        """Take a publication into the model, and the token out of use."""
        token = self.runners[runner].tokens.pop(place)
        assert token not in self.published[place]
        self.published[place][token] = size

    @rule(runner=st.sampled_from(RUNNERS), places=st.lists(st.sampled_from(PLACES), min_size=1, unique=True))
    def claim(self, runner: str, places: list[Place]) -> None:
        tokens = self.runners[runner].claim(places)
        assert min(tokens.values()) > self.highest
        self.highest = max(tokens.values())
        self.valid.update(tokens)

    @rule(runner=st.sampled_from(RUNNERS), place=st.sampled_from(PLACES), size=st.integers(0, 3))
    def publish(self, runner: str, place: Place, size: int) -> None:
        one = self.runners[runner]
        if self.holds(runner, place):
            rows = one.publish(place, size)
            self.note(runner, place, size)
            assert rows == (sum(self.published[place].values()) if place[0] == "appended" else size)
        elif place in one.tokens:
            with pytest.raises(StaleClaim):
                one.publish(place, size)

    @rule(runner=st.sampled_from(RUNNERS), place=st.sampled_from(PLACES), step=st.sampled_from((*BEFORE_COMMIT, *AFTER_COMMIT)), dead=st.booleans())
    def fail_at_a_step(self, runner: str, place: Place, step: str, dead: bool) -> None:
        """The process dies, or merely the statement fails; the same runner goes on with a new or with the same connection."""
        if not self.holds(runner, place):
            return
        one = self.runners[runner]
        one.connection.dead = dead
        arm(f"{step}=1:raise")
        with pytest.raises(InjectedFault):
            one.publish(place, 2)
        arm(None)
        if dead:
            one.crash()
        if step in AFTER_COMMIT:
            assert read_back(one.sql, publication(place, one.tokens[place], "")) is not None
            self.note(runner, place, 2)

    @rule(runner=st.sampled_from(RUNNERS), place=st.sampled_from(PLACES), how=st.sampled_from(COMMITS))
    def commit_goes_wrong(self, runner: str, place: Place, how: str) -> None:
        """Only the table decides: a lost reply is a success, a commit without a record is none."""
        if not self.holds(runner, place):
            return
        one = self.runners[runner]
        one.connection.commit_fails = how
        if how == "reply lost":
            one.publish(place, 1)
            self.note(runner, place, 1)
        else:
            with pytest.raises(CommitLost if how == "rolled back in silence" else WarehouseError):
                one.publish(place, 1)

    @rule(place=st.sampled_from(PLACES), publishes=st.booleans())
    def take_over_in_the_middle(self, place: Place, publishes: bool) -> None:
        """While A writes, B claims the same and publishes. Whoever was told that it worked is on record, and nobody else."""
        if not self.holds("a", place):
            return
        a, b = self.runners["a"], self.runners["b"]
        claimed: dict[Place, int] = {}

        def meanwhile() -> None:
            with suppress(WarehouseError):
                claimed.update(b.claim([place]))
                if publishes:
                    b.publish(place, 3)
                    self.note("b", place, 3)

        try:
            a.publish(place, 2, meanwhile)
        except WarehouseError:
            pass
        else:
            assert not claimed, "A published after its claim was gone"
            self.note("a", place, 2)
        self.valid.update(claimed)
        self.highest = max(self.highest, *claimed.values()) if claimed else self.highest

    @precondition(lambda self: hasattr(self, "root"))
    @invariant()
    def data_and_record_agree(self) -> None:
        ask = self.root.connection.execute
        for place in PLACES:
            records = ask(f"select token, rows, data_version from {quote(STATE)}.materialization where asset = $a and partition = $p order by token",
                          {"a": place[0], "p": place[1]})  # fmt: skip
            assert [row[0] for row in records] == sorted(self.published[place])
            there = f"(select * from {place[0]} where moment = timestamp '{DAYS[place[1]][0] or NOON}')"
            rows, version = ask(f"select count(*), 'rows:' || count(*) || ':' || coalesce(sum(hash(*columns(*))), 0) from {there}")[0]
            found = {token: size for token, size in ask(f"select token, count(*) from {there} group by token")}
            wanted = {token: size for token, size in self.published[place].items() if size}
            if place[0] != "appended":
                wanted = {token: size for token, size in wanted.items() if token == records[-1][0]}
            assert found == wanted
            assert not records or records[-1][1:] == (rows, version)

    @precondition(lambda self: hasattr(self, "root"))
    @invariant()
    def every_record_has_one_successful_attempt_and_its_inputs(self) -> None:
        for table, more in (("attempt", " where status = 'success'"), ("materialization_input", "")):
            rows = self.root.connection.execute(f"select asset, partition, token from {quote(STATE)}.{table}{more}")
            assert sorted(rows) == sorted((*place, token) for place in PLACES for token in self.published[place])


TestCommitProtocol = CommitProtocol.TestCase
TestCommitProtocol.settings = settings(max_examples=60, stateful_step_count=25, deadline=None, derandomize=True)


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    made = DuckDBWarehouse.in_memory()
    migrate(Statements(made.connect(), STATE))
    made.connect().execute("create table appended (token bigint, number bigint, moment timestamp)")
    yield made
    made.close()


def test_two_first_claims_that_cross_never_let_both_publish(warehouse: DuckDBWarehouse) -> None:
    a, b, place = Runner("a", warehouse), Runner("b", warehouse), ("appended", "")
    a.connection.before_commit = lambda: (b.claim([("sliced", "d1")]), b.claim([place]))
    assert a.claim([place])[place] < b.tokens[place]
    a.connection.before_commit = lambda: None
    done: list[str] = []

    def publish_b() -> None:
        with suppress(WarehouseError):
            b.publish(place, 1)
            done.append("b")

    with suppress(WarehouseError):
        a.publish(place, 1, publish_b)
        done.append("a")
    assert len(done) < 2
    b.claim([place])
    with pytest.raises(StaleClaim):
        a.publish(place, 1)
    assert b.publish(place, 1) == len(done) + 1


def test_two_later_claims_that_cross_leave_one_holder(warehouse: DuckDBWarehouse) -> None:
    a, b, place = Runner("a", warehouse), Runner("b", warehouse), ("appended", "")
    first = a.claim([place])[place]
    a.connection.before_commit = lambda: pytest.raises(WarehouseError, b.claim, [place])
    assert a.claim([place])[place] > first
    a.connection.before_commit = lambda: None
    assert a.publish(place, 2) == 2


def test_a_fence_that_meets_an_uncommitted_claim_refuses(warehouse: DuckDBWarehouse) -> None:
    a, b, place = Runner("a", warehouse), Runner("b", warehouse), ("appended", "")
    a.claim([place])
    b.connection.before_commit = lambda: pytest.raises(WarehouseError, a.publish, place, 1)
    b.claim([place])
    b.connection.before_commit = lambda: None
    assert b.publish(place, 1) == 1


HOSTILE = ("'", '"', "''", '"";--', "$x", "$token", "{state}", "{relation}", "{% endraw %}", "{{ 1 }}", "{# #}", "\n", "\\'", "--", "/*", "é🦆", ";", "%s", "?", ":x")
names = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=4)), min_size=1, max_size=4).map("".join)


def in_dbt(connection: Connection, first: str, last: str, write: str) -> None:
    """Run the hooks as dbt does: text around the node's own statement, in its transaction."""
    connection.begin()
    try:
        for text in (first, write, last):
            connection.execute(text)
        connection.commit()
    except WarehouseError:
        connection.rollback()
        raise


def hostile(name: str, value: str, token: int) -> Publication:
    """Return a publication in which every text is hostile."""
    return Publication(
        run_id=value, asset=name, token=token, relation=quote(f"t{name}"), relation_name=name, relation_type="table", code_version=value,
        executor=value, inputs={name: value, value + "2": name}, started_at=NOON, partition=value, volatile=value,
    )  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(name=names, value=names)
@example(name="{% endraw %}'\"$x{state}\n", value="$asset'{relation}")
def test_hooks_carry_hostile_names_and_values_as_they_are(name: str, value: str) -> None:
    made = DuckDBWarehouse.in_memory()
    connection = made.connect()
    sql = Statements(connection, f"s{name}")
    migrate(sql)
    token = StateWriter(sql).claim(value, [(name, value)], NOON)[name, value]
    what = hostile(name, value, token)
    in_dbt(connection, *hooks_sql(sql.schema, what, NOON), f"create table {what.relation} as select {literal(value)} as v, 1 as n")
    assert read_back(sql, what) == 1
    state = sql.schema
    row = connection.execute(f"select run_id, asset, partition, relation, code_version, volatile, executor, committed_at from {state}.materialization")
    assert row == [(value, name, value, name, value, value, value, NOON)]
    inputs = connection.execute(f"select run_id, asset, partition, input, input_version from {state}.materialization_input order by all")
    assert inputs == sorted([(value, name, value, name, value), (value, name, value, value + "2", name)])
    assert connection.execute(f"select v from {what.relation}") == [(value,)]
    made.close()


@pytest.mark.parametrize("name", ["plain", "it's", "{% endraw %}", "$x {state}"])
def test_hooks_with_a_stale_token_fail_and_change_nothing(warehouse: DuckDBWarehouse, name: str) -> None:
    sql = Statements(warehouse.connect(), STATE)
    writer = StateWriter(sql)
    stale = hostile(name, "v", writer.claim("a", [(name, "v")], NOON)[name, "v"])
    current = hostile(name, "v", writer.claim("b", [(name, "v")], NOON)[name, "v"])
    with pytest.raises(WarehouseError, match="taken over by another run"):
        in_dbt(sql.connection, *hooks_sql(sql.schema, stale, NOON), f"create table {stale.relation} as select 1 as n")
    with pytest.raises(CommitLost):
        read_back(sql, stale)
    in_dbt(sql.connection, *hooks_sql(sql.schema, current, NOON), f"create table {current.relation} as select 2 as n")
    assert read_back(sql, current) == 1
    assert sql.connection.execute(f"select n from {current.relation}") == [(2,)]
