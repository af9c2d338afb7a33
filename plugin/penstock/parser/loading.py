"""What an ingestion file's statement reads and writes: a query, or with `write: statement` one statement that loads its table."""

from __future__ import annotations

import dataclasses
import re

from sqlglot import exp

from penstock.assets.asset import IngestSpec
from penstock.assets.names import RelationName
from penstock.errors import Location, ParseError
from penstock.parser.query import QueryFacts, facts_of, parse_one, read_query

_BEFORE = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SHAPE = "Write INSERT INTO {own} SELECT ..., or COPY {own} FROM '...'."


def check_loading(tree: exp.Expr, own: RelationName, at: Location) -> None:
    """Raise ParseError unless a statement is one that loads `own`, and nothing else."""
    hint = _SHAPE.format(own=own)
    name = str(tree.this).upper() if isinstance(tree, exp.Command) else type(tree).__name__.upper()
    if not isinstance(tree, (exp.Insert, exp.Copy)):
        raise ParseError(f"`write: statement` takes one statement that loads the table, found {name}", at=at, hint=hint)
    if isinstance(tree, exp.Copy) and not tree.args.get("kind"):
        raise ParseError("COPY ... TO writes files, it loads nothing", at=at, hint=hint)
    if isinstance(tree, exp.Insert):
        if not isinstance(tree.expression, exp.Query):
            raise ParseError("INSERT must have a query", at=at, hint=hint)
        if tree.args.get("returning"):
            raise ParseError("INSERT must not return rows", at=at, hint="Leave RETURNING out.")
    for node in tree.walk():
        if node is not tree and isinstance(node, (exp.DDL, exp.DML, exp.Command, exp.Into)) and not isinstance(node, exp.Query):
            raise ParseError(f"one statement may load one table, found {type(node).__name__.upper()}", at=at, hint=hint)
    written = written_by(tree)
    if written is None or written.normalised()[1:] != own.normalised()[1:]:
        raise ParseError(f"this file loads {own}, its statement writes {written}", at=at, hint=hint)


def written_by(tree: exp.Expr) -> RelationName | None:
    """Return the relation that an INSERT or a COPY writes, as it is spelled there."""
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return RelationName(table.catalog, table.db, table.name) if isinstance(table, exp.Table) else None


def loading_facts(tree: exp.Expr) -> QueryFacts:
    """Return what a loading statement reads; the table that it writes is not among it, unless its query names it too."""
    query = inserted_query(tree)
    if query is not None:
        return facts_of(query)
    files = [file.name for file in tree.args.get("files") or () if isinstance(file, exp.Literal)]
    unknown = () if len(files) == len(tree.args.get("files") or ()) else ("COPY ... FROM",)
    return QueryFacts(files=tuple(sorted(files)), unknown=unknown)


def inserted_query(tree: exp.Expr) -> exp.Expr | None:
    """Return the query of an INSERT with everything that stands before it under WITH, None for a COPY."""
    if not isinstance(tree, exp.Insert):
        return None
    query: exp.Expr = tree.expression.copy()
    outer, inner = tree.args.get("with_"), query.args.get("with_")
    if outer is not None:
        named = [*outer.copy().expressions, *(inner.expressions if inner is not None else ())]
        query.set("with_", exp.With(expressions=named, recursive=outer.args.get("recursive")))
    return query


def inserted_columns(tree: exp.Expr) -> tuple[str, ...]:
    """Return the columns that an INSERT lists, none where it lists none."""
    return tuple(column.name for column in tree.this.expressions) if isinstance(tree.this, exp.Schema) else ()


def first_word(sql: str) -> int:
    """Return where a statement begins, after the comments and lines before it.

    >>> first_word("/* all of them */ copy a from 'x'")
    18
    """
    found = _BEFORE.match(sql)
    return found.end() if found is not None else 0


def read_ingest(ingest: IngestSpec, dialect: str) -> QueryFacts:
    """Read what an ingestion file's query or statement reads; never raises: what is not understood is said in `error`."""
    facts = read_query(_ended(ingest), dialect)
    if ingest.write != "statement" or facts.error:
        return facts
    loading = loading_facts(loading_tree(ingest, dialect))
    return dataclasses.replace(loading, canonical=facts.canonical, unaliased=facts.unaliased, repeated=facts.repeated)


def loading_tree(ingest: IngestSpec, dialect: str) -> exp.Expr:
    """Return the parsed statement of an ingestion file. Raises ValueError for what is none."""
    return parse_one(_ended(ingest), dialect)


def _ended(ingest: IngestSpec) -> str:
    return f"{ingest.sql}\n"  # a text that ends in `$a <> ''` is none to sqlglot's tokenizer
