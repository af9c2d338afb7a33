"""The two ways in which a version is made: by a query over known columns, and within the record of dbt's post-hook."""

from __future__ import annotations

from datetime import datetime

from penstock.assets.names import quote
from penstock.state.content import content_of
from penstock.state.store import Statements, migrate
from penstock.warehouse.protocol import Connection

NOTHING = dict.fromkeys("run_id asset partition relation_name relation_type code_version executor volatile fingerprint".split(), "")


def version(connection: Connection, table: str) -> str:
    """Return the version of a table, as the native executor records it."""
    return content_of(Statements(connection, "state"), quote(table)).version


def recorded(connection: Connection, table: str) -> str:
    """Return the version of a table, as dbt's post-hook records it."""
    sql = Statements(connection, "state")
    migrate(sql)
    values = {
        **NOTHING,
        "token": 1,
        "partition_start": None,
        "partition_end": None,
        "committed_at": datetime(2024, 1, 1),
        "recreates": True,
    }
    sql.run("record_table", values, relation=quote(table))
    found = connection.execute('select data_version from "state".materialization')
    connection.execute('delete from "state".materialization')
    return str(found[0][0])
