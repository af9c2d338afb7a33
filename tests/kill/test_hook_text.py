"""The commit protocol as text, for dbt's hooks: whatever names and values hold, DuckDB must take them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from penstock.assets.names import literal, quote
from penstock.assets.records import InputVersion
from penstock.errors import CommitLost, WarehouseError
from penstock.runner.commit import Committed, Publication, hooks_sql
from penstock.state.content import content_of
from penstock.state.store import Statements, migrate
from penstock.state.writer import StateWriter
from penstock.warehouse.duckdb import DuckDBWarehouse
from penstock.warehouse.protocol import Connection

STATE = 'state "of" it'
NOON = datetime(2024, 1, 1, 12)
HOSTILE = (
    "'", '"', "''", '"";--', "$x", "$token", "{state}", "{relation}", "{% endraw %}", "{{ 1 }}", "{# #}", "\n", "\\'", "--", "/*", "é🦆", ";", "%s", "?", ":x",
)  # fmt: skip
names = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)),
    min_size=1,
    max_size=4,
).map("".join)


def small_database() -> DuckDBWarehouse:
    """Return an in-memory database whose engine starts no threads."""
    made = DuckDBWarehouse.in_memory()
    made.connect().execute("set threads = 1")
    return made


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    made = small_database()
    migrate(Statements(made.connect(), STATE))
    yield made
    made.close()


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
        executor=value, inputs=(InputVersion(name, value, (value, name)), InputVersion(value + "2", name)), started_at=NOON, partition=value,
        volatile=value, fingerprint=name,
    )  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(name=names, value=names)
@example(name="{% endraw %}'\"$x{state}\n", value="$asset'{relation}")
def test_hooks_carry_hostile_names_and_values_as_they_are(name: str, value: str) -> None:
    made = small_database()
    connection = made.connect()
    sql = Statements(connection, f"s{name}")
    migrate(sql)
    token = StateWriter(sql).claim(value, [(name, value)], NOON)[name, value]
    what = hostile(name, value, token)
    in_dbt(connection, *hooks_sql(sql.schema, what, NOON), f"create table {what.relation} as select {literal(value)} as v, 1 as n")
    assert what.read_back(sql) == Committed(1, content_of(sql, what.relation).version)
    state = sql.schema
    row = connection.execute(
        f"select run_id, asset, partition, relation, code_version, fingerprint, volatile, executor, committed_at from {state}.materialization"
    )
    assert row == [(value, name, value, name, value, name, value, value, NOON)]
    inputs = connection.execute(f"select run_id, asset, partition, input, input_version, columns from {state}.materialization_input")
    assert inputs == [(value, name, value, name, value, [value, name]), (value, name, value, value + "2", name, None)]
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
        stale.read_back(sql)
    in_dbt(sql.connection, *hooks_sql(sql.schema, current, NOON), f"create table {current.relation} as select 2 as n")
    assert current.read_back(sql).rows == 1
    assert sql.connection.execute(f"select n from {current.relation}") == [(2,)]
