"""What kind of error ended an attempt, told from the engine's own words: they are the same natively and through dbt."""

from __future__ import annotations

import re

from penstock.assets.limits import Failure
from penstock.errors import PenstockError, StaleClaim, WarehouseError, problems_in, with_remedies

TIMED_OUT = "timed out after"
NOT_PUBLISHED = "not published: "
"""How the error of an attempt begins that had no more time, and of one whose rows a test kept from readers."""

_RULES: tuple[tuple[Failure, re.Pattern[str]], ...] = tuple(
    (failure, re.compile(pattern, re.MULTILINE | re.IGNORECASE))
    for failure, pattern in (
        (Failure.TIMEOUT, rf"\A{TIMED_OUT} "),
        # Another run has the asset, or the whole database is unusable until it is opened anew.
        (Failure.PERMANENT, r"taken over by another run|database has been invalidated"),
        (Failure.PERMANENT, r"constraint violation"),
        (Failure.PERMANENT, rf"\A{NOT_PUBLISHED}"),
        (Failure.PERMANENT, r"^\s*(Parser|Syntax|Binder|Catalog|Constraint|Permission|Not implemented|Mismatch Type|Invalid type) Error: "),
        (Failure.PERMANENT, r"^\s*(Compilation|Parsing|Validation|Dbt Project|Contract) Error\b"),
        # A file that is not there, a full disk, and an answer of HTTP that says no: time alone mends none of them.
        (Failure.OTHER, r"^\s*IO Error: .*(No files found|No such file|not found|No space left|File too large|disk is full|Disk quota)"),
        (Failure.OTHER, r"\bHTTP\b.*\b4(?!08|25|29)\d\d\b"),
        (Failure.TRANSIENT, r"^\s*(TransactionContext|IO|HTTP|Connection|Network) Error: "),
        (Failure.TRANSIENT, r"connection (was |has been )?(lost|reset|refused|closed|aborted|timed out)|server closed the connection"),
        (Failure.TRANSIENT, r"(could not|cannot|failed to) (set|get|obtain|acquire) (a )?lock|database is locked|deadlock"),
        (Failure.TRANSIENT, r"timeout was reached|temporarily unavailable|too many requests|\bConnection\w*Error\b|\bBrokenPipeError\b"),
    )
)
"""The first that holds counts. Source of the names: DuckDB's exception types, and what libcurl and Postgres say."""


def failure_of(message: str) -> Failure:
    """Return the kind of a failed attempt with this message."""
    return next((failure for failure, pattern in _RULES if pattern.search(message)), Failure.OTHER)


def failure_of_error(error: Exception) -> Failure:
    """Return the kind of a failed attempt that ended with this error: what is wrong with files or settings stays so."""
    if isinstance(error, PenstockError) and (not isinstance(error, WarehouseError) or isinstance(error, StaleClaim)):
        return Failure.PERMANENT
    return failure_of(text_of(error))


def text_of(error: Exception) -> str:
    """Return an error as it is recorded and shown, with its remedy; of several problems each."""
    if not isinstance(error, PenstockError):
        return f"{type(error).__name__}: {error}"
    return with_remedies(problems_in(error))
