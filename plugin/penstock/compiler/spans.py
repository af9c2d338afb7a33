"""Cutting a query's text where its tokens and its tree say: what is kept is kept to the letter."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token

Span = tuple[int, int, str]
"""Where a piece of text begins and ends (half-open), and what shall stand there."""


def replaced(sql: str, spans: Iterable[Span]) -> str:
    """Return a text with some of its pieces replaced; the pieces do not overlap."""
    pieces: list[str] = []
    done = 0
    for start, end, text in sorted(spans):
        pieces += [sql[done:start], text]
        done = end
    return "".join([*pieces, sql[done:]])


def span_of(name: exp.Expr) -> tuple[int, int]:
    """Return where a parsed identifier stands, its quotes included. Raises ValueError for one that stands nowhere."""
    if "start" not in name.meta:
        raise ValueError(f"{name.sql()} has no place in the text")
    return name.meta["start"], name.meta["end"] + 1


def tokens_of(sql: str, dialect: str) -> list[Token]:
    """Cut a text into tokens. Raises ValueError where that cannot be done."""
    try:
        return list(sqlglot.tokenize(sql, read=dialect))
    except SqlglotError as error:
        raise ValueError("the text cannot be cut into tokens") from error


def on_one_line(sql: str, dialect: str) -> str:
    r"""Return a text without comments, and with one space wherever there was something between two tokens.

    >>> on_one_line("select a.b,  -- it's\n 'x  y'", "duckdb")
    "select a.b, 'x  y'"
    """
    tokens = tokens_of(sql, dialect)
    pieces = [sql[token.start : token.end + 1] + " " * (token.end + 1 < after.start) for token, after in pairwise(tokens)]
    return "".join([*pieces, *(sql[token.start : token.end + 1] for token in tokens[-1:])])
