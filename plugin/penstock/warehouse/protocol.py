"""What the rest of Penstock asks of a warehouse; one file for each engine stands beside this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.assets.names import RelationName

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; planning and tests ask this instead of the engine's name."""

    dialect: str
    transactions: bool
    transactional_ddl: bool
    single_writer_process: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A relation that exists: `table` or `view`, and its columns with their types, in order."""

    type: str
    columns: tuple[tuple[str, str], ...] = ()


class Connection(Protocol):
    """One connection, used by one thread at a time."""

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run one statement and return all its rows (none for a statement without a result)."""

    def begin(self) -> None:
        """Open a transaction."""

    def commit(self) -> None:
        """Commit; whether it really happened only a read-back can tell."""

    def rollback(self) -> None:
        """Give the open transaction up; nothing to do where there is none."""

    def interrupt(self) -> None:
        """Stop the statement that runs now; may be called from another thread."""

    def close(self) -> None:
        """Give the connection back."""


class Warehouse(Protocol):
    """One open database."""

    capabilities: Capabilities

    def connect(self, search_path: str = "") -> Connection:
        """Return a new connection; `search_path` is the folder against which file names in SQL resolve."""

    def catalog(self, schemas: Sequence[tuple[str, str]]) -> dict[RelationName, Standing]:
        """Return every relation in the (database, schema) pairs, names normalised, with one statement."""

    def row_counts(self, relations: Sequence[RelationName]) -> dict[RelationName, int]:
        """Return the number of rows of tables, with one statement."""

    def own_functions(self) -> frozenset[str]:
        """Return the lower-case names of the functions and macros that do not come with the engine."""

    def close(self) -> None:
        """Close the database and let other processes in."""
