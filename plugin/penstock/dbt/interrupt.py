"""Stopping what one thread runs in an open dbt session, and nothing else."""

from __future__ import annotations

import os
from contextlib import suppress

from penstock.dbt.session import DbtSession


def interrupt_thread(session: DbtSession, thread: int) -> None:
    """Interrupt the statement that dbt runs in the thread of that identifier. Source of the key: dbt's `get_thread_identifier`."""
    with suppress(Exception):  # dbt opens and closes connections meanwhile
        connection = session.adapter.connections.thread_connections.get((os.getpid(), thread))
        if connection is not None and connection.handle is not None and connection.state == "open":
            session.adapter.connections.cancel(connection)
