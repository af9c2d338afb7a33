"""Pointing a query at other relations: names are replaced where they stand, token by token; all else stays as it was."""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from penstock.assets.names import RelationName
from penstock.errors import ProjectError

_NAMES = {TokenType.IDENTIFIER, TokenType.VAR}


def redirect(sql: str, relations: Mapping[RelationName, RelationName], dialect: str) -> str:
    """Replace fully qualified names of relations. Raises ProjectError for a text that cannot be cut into tokens."""
    if not relations:
        return sql
    wanted = {RelationName(*name.normalised(name.database)): other for name, other in relations.items()}
    try:
        tokens = sqlglot.tokenize(sql, read=dialect)
    except SqlglotError as error:
        raise ProjectError("a query cannot be pointed at another target: it cannot be read") from error
    pieces: list[str] = []
    end = 0
    for first, dot, second, point, third in zip(tokens, tokens[1:], tokens[2:], tokens[3:], tokens[4:], strict=False):
        if not (
            dot.token_type is point.token_type is TokenType.DOT and {first.token_type, second.token_type, third.token_type} <= set(_NAMES)
        ):
            continue
        found = wanted.get(RelationName(first.text.lower(), second.text.lower(), third.text.lower()))
        if found is not None and first.start >= end:
            pieces += [sql[end : first.start], found.sql]
            end = third.end + 1
    return "".join([*pieces, sql[end:]])
