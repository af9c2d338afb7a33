"""One error root: a class's docstring is its default message, `hint` its one remedy, `exit_code` what a process ends with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_LOCKED = 3


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file: 1-based line and column, 0 where unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class PenstockError(Exception):
    """Something went wrong."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str = "", *, at: Location | None = None, hint: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.at = at
        self.hint = hint
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.at}: {self.message}" if self.at else self.message


class ConfigError(PenstockError):
    """The configuration cannot be used."""


class ProjectError(PenstockError):
    """The dbt project cannot be read."""


class ParseError(PenstockError):
    """A file cannot be understood."""


class SelectionError(PenstockError):
    """The selection cannot be understood."""


class ContractError(PenstockError):
    """A versioned model breaks its contract."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, hint="Keep the contract, or add a new version of the model.")


class GraphError(PenstockError):
    """The project's assets do not form a graph."""


class StateError(PenstockError):
    """The state tables cannot be used."""


class WarehouseError(PenstockError):
    """The warehouse refused."""


class WarehouseBusy(WarehouseError):
    """Another process holds the database."""

    exit_code = EXIT_LOCKED


class StaleClaim(WarehouseError):
    """The claim on this asset was taken over by another run."""


class CommitLost(WarehouseError):
    """The transaction did not commit: its record cannot be read back."""


class CheckFailed(WarehouseError):
    """A check found rows that readers must not see."""


class RunFailed(PenstockError):
    """At least one asset, check or policy failed."""

    exit_code = EXIT_FAILED


class Problems(PenstockError):
    """Several problems were found."""

    def __init__(self, problems: list[PenstockError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


def raise_all(problems: list[PenstockError]) -> None:
    """Raise nothing, the one problem, or `Problems` holding all of them in the order given."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Problems(problems)


def problems_in(error: PenstockError) -> tuple[PenstockError, ...]:
    """Return an error's problems one by one: itself where it is no `Problems`."""
    return error.problems if isinstance(error, Problems) else (error,)


def with_remedies(problems: Iterable[PenstockError]) -> str:
    """Return problems as text, each with its remedy on a line of its own."""
    return "\n".join(f"{one}\n{one.hint}" if one.hint else str(one) for one in problems)
