"""dbt's microbatch: a model's query with its inputs cut to one batch, and the statements that put a batch in its place.

dbt compiles a microbatch model once for each batch; here the query is cut once and filled for every batch. The texts are dbt's own,
down to the bounds as strings: DuckDB casts them to the column's type, and they end in `+00:00`.
Sources: `BaseRelation.render_event_time_filtered`, `resolve_event_time_filter`, dbt-duckdb's `get_incremental_microbatch_sql`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from penstock.assets.names import RelationName, quote
from penstock.errors import ProjectError

EPHEMERAL = "__dbt__cte__"
"""What dbt puts before the name of an ephemeral model: `RelationName("", "", "__dbt__cte__x")` stands for one."""

_NAMES = (TokenType.IDENTIFIER, TokenType.VAR)


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """A compiled query that waits for a batch: between its pieces stand start and end in turn.

    `missing` are the inputs to filter that the text does not name. dbt filters those otherwise written, so that only an input
    known to stand in a comment may be missing.
    """

    pieces: tuple[str, ...]
    missing: tuple[RelationName, ...] = ()

    def for_range(self, start: datetime, end: datetime) -> str:
        """Return the query as dbt compiles it for the batch from `start` up to `end`; both need a time zone."""
        bounds = (bound(start), bound(end))
        filled = [self.pieces[0]]
        for number, piece in enumerate(self.pieces[1:]):
            filled += [bounds[number % 2], piece]
        return "".join(filled)


def batch_query(sql: str, event_times: Mapping[RelationName, str]) -> BatchQuery:
    """Cut the inputs of a query that dbt compiled without a batch; `event_times` says what stands for the time of each.

    An event time is SQL as the project has it, quoted where dbt quotes it. The bodies of inlined ephemeral models stay whole, as
    with dbt. Raises ProjectError for a text that cannot be cut into tokens.
    """
    try:
        tokens = sqlglot.tokenize(sql, read="duckdb")
    except SqlglotError as error:
        raise ProjectError("a query cannot be cut into batches: it cannot be read") from error
    wanted = {name.normalised(): (name, event_time) for name, event_time in event_times.items()}
    pieces = [""]
    seen: set[RelationName] = set()
    end = 0
    for parts, first, last in _relations(tokens):
        if parts not in wanted:
            continue
        name, event_time = wanted[parts]
        seen.add(name)
        text = sql[first.start : last.end + 1]
        pieces[-1] += f"{sql[end : first.start]}(select * from {text} where {event_time} >= '"
        pieces += [f"' and {event_time} < '", "')"]
        end = last.end + 1
    pieces[-1] += sql[end:]
    return BatchQuery(tuple(pieces), tuple(name for name in event_times if name not in seen))


def delete_slice(relation: RelationName, event_time: str, start: datetime, end: datetime, predicates: Sequence[str] = ()) -> str:
    """Return what takes a batch out of a table; `predicates` are the model's `incremental_predicates`.

    >>> print(delete_slice(RelationName("", "s", "t"), "ts", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)))
    delete from "s"."t" where ts >= '2024-01-01 00:00:00+00:00' and ts < '2024-01-02 00:00:00+00:00'
    """
    also = "".join(f" and ({predicate})" for predicate in predicates)
    return f"delete from {relation.sql} where {_within(event_time, start, end)}{also}"


def insert_slice(
    relation: RelationName, columns: Sequence[str], built: RelationName, event_time: str, start: datetime, end: datetime
) -> str:
    """Return what puts a batch into a table, out of the table that holds what the model's query gave for it.

    Rows outside the batch are left behind: dbt keeps them only for the batch that makes the table.
    """
    names = ", ".join(map(quote, columns))
    return f"insert into {relation.sql} ({names}) select {names} from {built.sql} where {_within(event_time, start, end)}"


def bound(at: datetime) -> str:
    """Return the text of a batch's bound. Raises ValueError for a time without a zone, which could mean any."""
    if at.tzinfo is None:
        raise ValueError(f"the bound of a batch needs a time zone: {at}")
    return str(at.astimezone(UTC))


def _within(event_time: str, start: datetime, end: datetime) -> str:
    return f"{event_time} >= '{bound(start)}' and {event_time} < '{bound(end)}'"


def _relations(tokens: Sequence[Token]) -> Iterator[tuple[tuple[str, str, str], Token, Token]]:
    """Yield the names that may be relations, folded: those of three parts, and ephemeral models."""
    at = 0
    while at < len(tokens):
        parts = _dotted(tokens, at)
        if len(parts) >= 3:
            yield (parts[0].text.lower(), parts[1].text.lower(), parts[2].text.lower()), parts[0], parts[2]
        elif len(parts) == 1 and parts[0].text.startswith(EPHEMERAL):
            if _opens_body(tokens, at + 1):
                at = _body_end(tokens, at + 2)
                continue
            yield ("", "", parts[0].text.lower()), parts[0], parts[0]
        at += max(2 * len(parts) - 1, 1)


def _dotted(tokens: Sequence[Token], at: int) -> list[Token]:
    """Return the parts of the dotted name that begins at a token, none if it is no name."""
    parts = []
    while at < len(tokens) and tokens[at].token_type in _NAMES:
        parts.append(tokens[at])
        if at + 1 >= len(tokens) or tokens[at + 1].token_type is not TokenType.DOT:
            break
        at += 2
    return parts


def _opens_body(tokens: Sequence[Token], at: int) -> bool:
    return [token.token_type for token in tokens[at : at + 2]] == [TokenType.ALIAS, TokenType.L_PAREN]


def _body_end(tokens: Sequence[Token], at: int) -> int:
    """Return the place after the parenthesis that closes the one at `at`."""
    depth = 0
    while at < len(tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[at].token_type, 0)
        at += 1
        if depth == 0:
            break
    return at
