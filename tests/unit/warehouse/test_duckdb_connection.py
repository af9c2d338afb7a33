"""One connection: the engine's errors as ours, transactions that do not lie, and interrupts."""

from __future__ import annotations

import threading

import duckdb
import pytest
from penstock.errors import WarehouseError
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse, _explained

FULL = "Free some disk space and build again: what was written before is still there."


@pytest.fixture
def warehouse() -> DuckDBWarehouse:
    return DuckDBWarehouse.in_memory()


@pytest.fixture
def connection(warehouse: DuckDBWarehouse) -> DuckDBConnection:
    found = warehouse.connect()
    found.execute("create table a (x integer)")
    return found


@pytest.mark.parametrize(
    "sql", ["select no_such_column", "selct 1", "select * from no_such_table", "select 1/x from (select 'a'::integer as x)"]
)
def test_an_error_of_the_engine_is_ours(connection: DuckDBConnection, sql: str) -> None:
    with pytest.raises(WarehouseError) as caught:
        connection.execute(sql)
    assert isinstance(caught.value.__cause__, duckdb.Error)
    assert str(caught.value) and "Stack Trace" not in str(caught.value)


def test_values_are_bound_and_statements_without_a_result_have_no_rows(connection: DuckDBConnection) -> None:
    assert connection.execute("create table b as select 1 as x") in ([], [(1,)])
    assert connection.execute("select $a || $b", {"a": "it's ", "b": '"quoted"'}) == [('it\'s "quoted"',)]
    assert connection.execute("select x from a") == []


def test_what_is_rolled_back_is_not_there(connection: DuckDBConnection, warehouse: DuckDBWarehouse) -> None:
    connection.begin()
    connection.execute("insert into a values (1)")
    connection.rollback()
    connection.rollback()
    assert warehouse.connect().execute("select * from a") == []
    connection.begin()
    connection.execute("insert into a values (2)")
    connection.commit()
    connection.rollback()
    assert warehouse.connect().execute("select * from a") == [(2,)]


def test_a_commit_after_a_failed_statement_keeps_nothing(connection: DuckDBConnection, warehouse: DuckDBWarehouse) -> None:
    connection.begin()
    connection.execute("insert into a values (1)")
    with pytest.raises(WarehouseError):
        connection.execute("insert into a values ('no number')")
    try:
        connection.commit()
    except WarehouseError:
        connection.rollback()
    assert warehouse.connect().execute("select * from a") == []
    connection.begin()
    connection.execute("insert into a values (3)")
    connection.commit()
    assert warehouse.connect().execute("select * from a") == [(3,)]


def test_a_connection_that_failed_can_be_used_again(connection: DuckDBConnection) -> None:
    with pytest.raises(WarehouseError):
        connection.execute("select no_such_column")
    assert connection.execute("select 1") == [(1,)]


def test_an_interrupt_from_another_thread_stops_a_long_query(connection: DuckDBConnection) -> None:
    caught: list[str] = []

    def run() -> None:
        try:
            connection.execute("select count(*) from range(1000000000000) as a, range(1000) as b where a.range % 7 = b.range")
        except WarehouseError as error:
            caught.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    for _ in range(200):  # the query may not have begun at the first interrupt
        connection.interrupt()
        thread.join(0.05)
        if not thread.is_alive():
            break
    assert not thread.is_alive()
    assert len(caught) == 1 and "INTERRUPT" in caught[0].upper()
    assert connection.execute("select 1") == [(1,)]


def test_an_interrupt_leaves_other_connections_alone(connection: DuckDBConnection, warehouse: DuckDBWarehouse) -> None:
    other = warehouse.connect()
    other.begin()
    other.execute("insert into a values (1)")
    connection.interrupt()
    other.commit()
    assert other.execute("select * from a") == [(1,)]


def test_a_closed_connection_raises_our_error(connection: DuckDBConnection, warehouse: DuckDBWarehouse) -> None:
    connection.close()
    connection.close()
    with pytest.raises(WarehouseError):
        connection.execute("select 1")
    warehouse.close()
    warehouse.close()


@pytest.mark.parametrize("words", ["No space left on device", "File too large", "Disk quota exceeded", "the disk is full"])
def test_a_full_disk_says_what_to_do(words: str) -> None:
    text = _explained(duckdb.IOException(f'Could not write file "x.wal": {words}\n\nStack Trace:\n/lib/x(+0x1)'))
    assert text == f'Could not write file "x.wal": {words}\n{FULL}'


def test_another_error_has_no_such_advice() -> None:
    assert _explained(duckdb.IOException("Could not read file: Permission denied")) == "Could not read file: Permission denied"
