"""The commit protocol under crashes, lost replies, second runners and stale tokens, on an in-memory DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from penstock.assets.names import quote
from penstock.assets.records import InputVersion
from penstock.errors import CommitLost, StaleClaim, WarehouseError
from penstock.runner.commit import Committed, Publication, publish
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse
from penstock.warehouse.failpoints import InjectedFault, arm

STATE = 'state "of" it'
NOON = datetime(2024, 1, 1, 12)
DAYS = {"": (None, None), "d1": (datetime(2024, 1, 1), datetime(2024, 1, 2)), "d2": (datetime(2024, 1, 2), datetime(2024, 1, 3))}
PLACES = (("replaced", ""), ("appended", ""), ("sliced", "d1"), ("sliced", "d2"))
BEFORE_COMMIT = (
    "begin.after", "fence.before", "fence.after", "write.before", "write.after", "audit.after", "describe.before", "describe.after", "record_version.before", "record_version.after",
    "record_inputs.before", "record_inputs.after", "record_attempt.before", "record_attempt.after", "commit.before",
)  # fmt: skip
AFTER_COMMIT = ("commit.after", "read_back.before", "read_back.after")
COMMITS = ("reply lost", "refused", "rolled back in silence")

Place = tuple[str, str]
runners = st.sampled_from("ab")
places = st.sampled_from(PLACES)
ticks = count()


def clock() -> datetime:
    """Stand still twice in a row: two touches of a claim may carry the same time."""
    return NOON + timedelta(seconds=next(ticks) // 2)


def small_database() -> DuckDBWarehouse:
    """Return an in-memory database whose engine starts no threads: a hundred of them are made here."""
    made = DuckDBWarehouse.in_memory()
    made.connect().execute("set threads = 1")
    return made


class Flaky(DuckDBConnection):
    """A connection whose next commit, or whose whole process, goes wrong in a chosen way."""

    def __init__(self, sound: DuckDBConnection) -> None:
        super().__init__(sound._cursor)
        self.commit_fails = ""
        self.dead = False
        self.before_commit: Callable[[], object] = lambda: None

    def commit(self) -> None:
        how, first = self.commit_fails, self.before_commit
        self.commit_fails, self.before_commit = "", lambda: None
        first()
        if how in ("refused", "rolled back in silence"):
            super().rollback()
        else:
            super().commit()
        if how in ("refused", "reply lost"):
            raise WarehouseError(how)

    def rollback(self) -> None:
        """A dead process rolls nothing back; its connection is just gone."""
        if not self.dead:
            super().rollback()


class Runner:
    """One Penstock: a connection that can be lost, and the tokens it believes to hold."""

    def __init__(self, name: str, warehouse: DuckDBWarehouse) -> None:
        self.name = name
        self.warehouse = warehouse
        self.tokens: dict[Place, int] = {}
        self.start()

    def start(self) -> None:
        """Come up with a new connection; whatever is open on the old one is lost when that is closed."""
        self.connection = Flaky(self.warehouse.connect())
        self.sql = Statements(self.connection, STATE)

    def claim(self, places: list[Place]) -> dict[Place, int]:
        tokens = StateWriter(self.sql).claim(f"run {self.name}", places, clock())
        self.tokens.update(tokens)
        return tokens

    def publish(self, place: Place, size: int, meanwhile: Callable[[], None] = lambda: None) -> Committed:
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
        executor="native", inputs=(InputVersion("source", "v"),), started_at=NOON, partition=partition,
    )  # fmt: skip
    return what if start is None or end is None else what.for_partition(start, end, "moment")


def write_sql(place: Place, token: int, size: int) -> list[str]:
    """Return the statements that write `size` rows to a place."""
    asset, partition = place
    at = DAYS[partition][0] or NOON
    rows = f"select {token} as token, i as number, timestamp '{at}' as moment from range({size}) as r(i)"
    return {
        "replaced": [f"create or replace table replaced as {rows}"],
        "appended": [f"insert into appended {rows}"],
        "sliced": [f"delete from sliced where moment = timestamp '{at}'", f"insert into sliced {rows}"],
    }[asset]


class CommitProtocol(RuleBasedStateMachine):
    """Two runners on one database, against a model of what was published."""

    @initialize()
    def start(self) -> None:
        self.warehouse = small_database()
        self.root = Statements(self.warehouse.connect(), STATE)
        migrate(self.root)
        for table in ("replaced", "appended", "sliced"):
            self.root.connection.execute(f"create table {table} (token bigint, number bigint, moment timestamp)")
        self.runners = {name: Runner(name, self.warehouse) for name in "ab"}
        self.valid: dict[Place, int] = {}
        self.published: dict[Place, dict[int, int]] = {place: {} for place in PLACES}
        self.highest = 0

    def teardown(self) -> None:
        arm(None)
        self.warehouse.close()

    def holds(self, runner: str, place: Place) -> bool:
        return self.runners[runner].tokens.get(place) == self.valid.get(place, 0)

    def holder(self, runner: str, place: Place) -> Runner:
        """Return a runner that holds a place, by a new claim where need be."""
        if not self.holds(runner, place):
            self.note_claims(self.runners[runner].claim([place]))
        return self.runners[runner]

    def note_claims(self, tokens: dict[Place, int]) -> None:
        """Take new claims into the model: their tokens are higher than any before."""
        assert all(token > self.highest for token in tokens.values())
        self.highest = max(self.highest, *tokens.values(), 0)
        self.valid.update(tokens)

    def note(self, runner: str, place: Place, size: int) -> None:
        """Take a publication into the model, and the token out of use."""
        token = self.runners[runner].tokens.pop(place)
        assert token not in self.published[place]
        self.published[place][token] = size

    @rule(runner=runners, several=st.lists(places, min_size=1, unique=True))
    def claims(self, runner: str, several: list[Place]) -> None:
        self.note_claims(self.runners[runner].claim(several))

    @rule(runner=runners, place=places, size=st.integers(0, 3))
    def publishes(self, runner: str, place: Place, size: int) -> None:
        one = self.runners[runner]
        if self.holds(runner, place):
            done = one.publish(place, size)
            self.note(runner, place, size)
            assert done == publication(place, self.valid[place], "").read_back(self.root)
            assert done.rows == (sum(self.published[place].values()) if place[0] == "appended" else size)
        elif place in one.tokens:
            with pytest.raises(StaleClaim):
                one.publish(place, size)

    @rule(runner=runners, place=places, step=st.sampled_from((*BEFORE_COMMIT, *AFTER_COMMIT)), dead=st.booleans())
    def fail_at_a_step(self, runner: str, place: Place, step: str, dead: bool) -> None:
        """The process dies, or merely the statement fails; the same runner goes on with a new or with the same connection."""
        one = self.holder(runner, place)
        one.connection.dead = dead
        arm(f"{step}=1:raise")
        with pytest.raises(InjectedFault):
            one.publish(place, 2)
        arm(None)
        if dead:
            one.connection.close()
            one.start()
        if step in AFTER_COMMIT:
            assert publication(place, one.tokens[place], "").read_back(one.sql) is not None
            self.note(runner, place, 2)

    @rule(runner=runners, place=places, how=st.sampled_from(COMMITS))
    def commit_goes_wrong(self, runner: str, place: Place, how: str) -> None:
        """Only the table decides: a lost reply is a success, a commit without a record is none."""
        one = self.holder(runner, place)
        one.connection.commit_fails = how
        if how == "reply lost":
            one.publish(place, 1)
            self.note(runner, place, 1)
        else:
            with pytest.raises(CommitLost if how == "rolled back in silence" else WarehouseError):
                one.publish(place, 1)

    @rule(place=places, publishes=st.booleans())
    def take_over_in_the_middle(self, place: Place, publishes: bool) -> None:
        """While A writes, B claims the same and publishes. Whoever was told that it worked is on record, and nobody else."""
        a, b = self.holder("a", place), self.runners["b"]
        claimed: dict[Place, int] = {}

        def meanwhile() -> None:
            with suppress(WarehouseError):
                claimed.update(b.claim([place]))
                if publishes:
                    b.publish(place, 3)
                    self.note("b", place, 3)

        with suppress(WarehouseError):
            a.publish(place, 2, meanwhile)
            assert not claimed, "A published after its claim was gone"
            self.note("a", place, 2)
        self.note_claims(claimed)

    @invariant()
    def data_record_attempt_and_inputs_agree(self) -> None:
        ask = self.root.connection.execute
        everything = ask(f"select asset, partition, token, rows, data_version from {quote(STATE)}.materialization order by token")
        for place in PLACES:
            records = [row[2:] for row in everything if row[:2] == place]
            assert [row[0] for row in records] == sorted(self.published[place])
            there = f"(select * from {place[0]} where moment = timestamp '{DAYS[place[1]][0] or NOON}')"
            hashed = "hash(token, number, moment, null, null, null)"
            rows, version = ask(f"select count(*), 'rows:' || count(*) || ':' || coalesce(sum({hashed}), 0) from {there}")[0]
            found: dict[int, int] = dict(ask(f"select token, count(*) from {there} group by token"))
            wanted = {token: size for token, size in self.published[place].items() if size}
            if place[0] != "appended":
                wanted = {token: size for token, size in wanted.items() if token == records[-1][0]}
            assert found == wanted
            assert not records or (records[-1][1] == rows and records[-1][2].rpartition(":")[0] == version)
        for table, more in (("attempt", " where status = 'success'"), ("materialization_input", "")):
            listed = ask(f"select asset, partition, token from {quote(STATE)}.{table}{more}")
            assert sorted(listed) == sorted((*place, token) for place in PLACES for token in self.published[place])


TestCommitProtocol = CommitProtocol.TestCase
TestCommitProtocol.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, derandomize=True)


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    made = small_database()
    migrate(Statements(made.connect(), STATE))
    made.connect().execute("create table appended (token bigint, number bigint, moment timestamp)")
    yield made
    made.close()


def test_two_first_claims_that_cross_never_let_both_publish(warehouse: DuckDBWarehouse) -> None:
    a, b, place = Runner("a", warehouse), Runner("b", warehouse), ("appended", "")
    a.connection.before_commit = lambda: (b.claim([("sliced", "d1")]), b.claim([place]))
    assert a.claim([place])[place] < b.tokens[place]
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
    assert b.publish(place, 1).rows == len(done) + 1


def test_two_later_claims_that_cross_leave_one_holder(warehouse: DuckDBWarehouse) -> None:
    a, b, place = Runner("a", warehouse), Runner("b", warehouse), ("appended", "")
    first = a.claim([place])[place]
    a.connection.before_commit = lambda: pytest.raises(WarehouseError, b.claim, [place])
    assert a.claim([place])[place] > first
    assert a.publish(place, 2).rows == 2


def test_a_fence_that_meets_an_uncommitted_claim_refuses(warehouse: DuckDBWarehouse) -> None:
    a, b, place = Runner("a", warehouse), Runner("b", warehouse), ("appended", "")
    a.claim([place])
    b.connection.before_commit = lambda: pytest.raises(WarehouseError, a.publish, place, 1)
    b.claim([place])
    assert b.publish(place, 1).rows == 1
