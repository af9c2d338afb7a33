"""Values of a run as typed literals, made by the tree that a dialect prints."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from sqlglot import exp

Value = date | datetime | str | int | float | Decimal | bool
"""What a partition's key or a placeholder may be; a datetime without a zone is a TIMESTAMP, one with a zone a TIMESTAMPTZ."""


def literal_of(value: Value | None, dialect: str) -> str:
    """Return the literal that stands for the same value and type as the bound parameter would.

    >>> literal_of(datetime(2024, 1, 1), "duckdb")
    "CAST('2024-01-01 00:00:00' AS TIMESTAMP)"
    """
    if isinstance(value, datetime):
        return _cast("timestamp" if value.tzinfo is None else "timestamptz", dialect).format(value.isoformat(sep=" "))
    if isinstance(value, date):
        return _cast("date", dialect).format(value.isoformat())
    return _tree(value).sql(dialect)


@lru_cache
def _cast(kind: str, dialect: str) -> str:
    """Return how a text is cast, a slot in place of the text: bounds are written by the thousand."""
    return exp.cast(exp.Literal.string("{}"), kind).sql(dialect)


def _tree(value: str | float | Decimal | None) -> exp.Expr:
    if value is None or isinstance(value, bool):
        return exp.convert(value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, int):
        return exp.Literal.number(value) if value >= 0 else exp.paren(exp.Literal.number(value))
    if isinstance(value, float):
        return exp.cast(exp.Literal.string(repr(value)), "double")
    return _decimal(value)


def _decimal(value: Decimal) -> exp.Expr:
    if not value.is_finite():
        return _tree(float(value))
    text = f"{value:f}"
    whole, _, fraction = text.lstrip("-").partition(".")
    return exp.cast(exp.Literal.string(text), f"decimal({len(whole) + len(fraction)}, {len(fraction)})")
