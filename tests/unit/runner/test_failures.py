"""Which errors another attempt may mend: told from what DuckDB itself says, natively and through dbt."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest
from penstock.assets.limits import Failure
from penstock.errors import CommitLost, ParseError, ProjectError, StaleClaim, WarehouseError
from penstock.runner.failures import failure_of, failure_of_error
from penstock.warehouse.duckdb import DuckDBWarehouse


def said_by_duckdb(*statements: str) -> str:
    connection = DuckDBWarehouse.in_memory().connect()
    with pytest.raises(WarehouseError) as caught:
        for statement in statements:
            connection.execute(statement)
    return str(caught.value)


def conflict(first: str, second: str) -> str:
    warehouse = DuckDBWarehouse.in_memory()
    one, other = warehouse.connect(), warehouse.connect()
    one.execute("create table t as select 1 as i")
    one.begin()
    one.execute(first)
    other.begin()
    with pytest.raises(WarehouseError) as caught:
        other.execute(second)
    return str(caught.value)


@pytest.mark.parametrize(
    ("statements", "failure"),
    [
        (("selec 1",), Failure.PERMANENT),
        (("select nosuch from range(3)",), Failure.PERMANENT),
        (("select * from nosuch",), Failure.PERMANENT),
        (("create table t (i int primary key)", "insert into t values (1), (1)"), Failure.PERMANENT),
        (("create table t (i int not null)", "insert into t values (null)"), Failure.PERMANENT),
        (("create table t (i int check (i > 0))", "insert into t values (0)"), Failure.PERMANENT),
        (("select cast('x' as int)",), Failure.OTHER),
        (("select error('it rains')",), Failure.OTHER),
        (("select error('connection lost')",), Failure.TRANSIENT),
        (("select * from read_csv('/nowhere/x.csv')",), Failure.OTHER),
        (("attach '/nowhere/x.duckdb'",), Failure.OTHER),
        (("copy (select 1) to '/nowhere/x.csv'",), Failure.OTHER),
    ],
)
def test_the_engines_own_words_tell_the_kind(statements: tuple[str, ...], failure: Failure) -> None:
    assert failure_of(said_by_duckdb(*statements)) is failure


@pytest.mark.parametrize(
    "of",
    [
        lambda: conflict("update t set i = 2", "update t set i = 3"),
        lambda: conflict("create table z as select 1", "create table z as select 1"),
    ],
)
def test_a_conflict_of_transactions_is_transient(of: Callable[[], str]) -> None:
    assert failure_of(of()) is Failure.TRANSIENT


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        ("IO Error: Connection timeout error for HTTP GET", Failure.TRANSIENT),
        ('IO Error: Could not set lock on file "x.db": Conflicting lock is held', Failure.TRANSIENT),
        ("IO Error: Unable to connect to Postgres: server closed the connection unexpectedly", Failure.TRANSIENT),
        ("HTTP Error: HTTP GET error on 'https://x/y' (HTTP 503)", Failure.TRANSIENT),
        ("HTTP Error: HTTP GET error on 'https://x/y' (HTTP 429)", Failure.TRANSIENT),
        ("HTTP Error: HTTP GET error on 'https://x/y' (HTTP 404)", Failure.OTHER),
        ('HTTP Error: Unable to connect to URL "https://x/y": 403 (Forbidden)', Failure.OTHER),
        ("IO Error: Could not write file: No space left on device", Failure.OTHER),
        ("Invalid Input Error: Failed to execute query: FATAL: deadlock detected", Failure.TRANSIENT),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", Failure.TRANSIENT),
        ("INTERRUPT Error: Interrupted!", Failure.OTHER),
        ("Out of Memory Error: could not allocate block", Failure.OTHER),
        ("timed out after 30s", Failure.TIMEOUT),
        ("Invalid Input Error: it timed out after 30s", Failure.OTHER),
        ("TransactionContext Error: Failed to commit: PRIMARY KEY or UNIQUE constraint violation: duplicate key", Failure.PERMANENT),
        ("FATAL Error: Failed: database has been invalidated because of a previous fatal error", Failure.PERMANENT),
        ("penstock: the claim on this asset was taken over by another run", Failure.PERMANENT),
        ("", Failure.OTHER),
    ],
)
def test_other_words_that_are_known(message: str, failure: Failure) -> None:
    assert failure_of(message) is failure


@pytest.mark.parametrize(
    ("inner", "failure"),
    [
        ("IO Error: Connection reset by peer", Failure.TRANSIENT),
        ('Binder Error: Referenced column "x" not found in FROM clause!', Failure.PERMANENT),
        ('Parser Error: syntax error at or near "selec"', Failure.PERMANENT),
        ("Conversion Error: Could not convert string 'x' to INT32", Failure.OTHER),
    ],
)
@pytest.mark.parametrize("outer", ["Runtime Error in model m (models/m.sql)", "Database Error in model m (models/m.sql)"])
def test_dbts_words_around_the_engines_change_nothing(outer: str, inner: str, failure: Failure) -> None:
    assert failure_of(f"{outer}\n  {inner}") is failure


def test_what_dbt_cannot_compile_is_permanent() -> None:
    assert failure_of("Compilation Error in model m (models/m.sql)\n  'x' is undefined") is Failure.PERMANENT


def test_errors_of_files_and_settings_are_permanent_whatever_they_say() -> None:
    assert failure_of_error(ParseError("connection lost")) is Failure.PERMANENT
    assert failure_of_error(ProjectError("IO Error: x")) is Failure.PERMANENT
    assert failure_of_error(StaleClaim("IO Error: x")) is Failure.PERMANENT
    assert failure_of_error(WarehouseError("IO Error: x")) is Failure.TRANSIENT
    assert failure_of_error(CommitLost("the transaction did not commit")) is Failure.OTHER
    assert failure_of_error(ConnectionResetError("by peer")) is Failure.TRANSIENT
    assert failure_of_error(RuntimeError("x")) is Failure.OTHER


def test_the_engine_has_the_names_that_are_looked_for() -> None:
    """A new name in the engine must not turn a syntax error into one that is tried again."""
    names = {
        "Parser",
        "Syntax",
        "Binder",
        "Catalog",
        "Constraint",
        "Permission",
        "NotImplemented",
        "Transaction",
        "IO",
        "HTTP",
        "Connection",
    }
    assert {f"{name}Exception" for name in names} <= set(dir(duckdb))
