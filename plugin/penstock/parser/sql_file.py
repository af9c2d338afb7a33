"""SQL files with a YAML header in `-- ` lines, ingestion files and checks alike: the header split off, Jinja rendered, one statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.errors import Location, ParseError, PenstockError
from penstock.parser.query import parse_one

MAX_RENDERED = 2_000_000
_FENCE = re.compile(r"^--\s*---\s*$")

Rendered = tuple[str, tuple[tuple[str, ...], ...], tuple[tuple[str, str], ...]]
"""A rendered query, the arguments of its `ref` calls, and those of its `source` calls."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the five Jinja functions resolve to; `ref` and `source` raise PenstockError for unknown names."""

    ref: Callable[..., RelationName]
    source: Callable[[str, str], RelationName]
    var: Callable[..., Any]
    env_var: Callable[..., str]


def split_header(path: str, text: str) -> tuple[str, str, int]:
    """Return the header's YAML, the query, and the line at which it begins. Raises ParseError for a header that is not closed."""
    text = text.removeprefix("\ufeff")
    lines = text.split("\n")  # never at the other characters that splitlines takes for line ends: they may stand in a string
    if not _FENCE.match(lines[0]):
        query = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("--")), len(lines))
        if any(_FENCE.match(line) for line in lines[:query]):
            raise ParseError("the header must begin on the first line", at=Location(path, 1))
        return "", text, 1
    for number, line in enumerate(lines[1:], 1):
        if _FENCE.match(line):
            header = "\n".join(re.sub(r"^-- ?", "", part) for part in lines[1:number])
            return header, "\n".join(lines[number + 1 :]), number + 2
        if not line.startswith("--"):
            raise ParseError("the header is not closed with `-- ---`", at=Location(path, number + 1))
    raise ParseError("the header is not closed with `-- ---`", at=Location(path, len(lines)))


def statement_of(sql: str, path: str, first_line: int, dialect: str) -> exp.Expr:
    """Parse a file's one statement, which begins at `first_line`. Raises ParseError with the place of what cannot be read."""
    try:
        return parse_one(sql, dialect)
    except ValueError as error:
        line = re.search(r"Line (\d+), Col: (\d+)", str(error))
        at = Location(path, int(line[1]) + first_line - 1, int(line[2])) if line else Location(path, first_line)
        raise ParseError(f"this file must hold one query: {error}", at=at) from error


def one_query(sql: str, path: str, first_line: int, dialect: str) -> exp.Expr:
    """Parse a file's one statement. Raises ParseError for one that is no query, or that does more than read."""
    tree = statement_of(sql, path, first_line, dialect)
    if not isinstance(tree, exp.Query):
        found = type(tree).__name__ if not isinstance(tree, exp.Command) else str(tree.this)
        raise ParseError(
            f"this file must hold one query, found {found.upper()}",
            at=Location(path, first_line),
            hint="Write a SELECT; Penstock makes the table and the transaction.",
        )
    for node in tree.walk():
        if isinstance(node, (exp.DDL, exp.DML, exp.Command, exp.Into)) and not isinstance(node, exp.Query):
            raise ParseError(f"a query may only read, found {type(node).__name__.upper()}", at=Location(path, first_line))
    return tree


def render(body: str, path: str, first_line: int, names: Names, this: RelationName) -> Rendered:
    """Render the five functions; a text without Jinja is returned as it is. Raises ParseError for Jinja that knows more."""
    if "{{" not in body and "{%" not in body and "{#" not in body:
        return body, (), ()
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    refs: list[tuple[str, ...]] = []
    sources: list[tuple[str, str]] = []

    def found(resolve: Callable[..., RelationName], *args: str, **kwargs: Any) -> RelationName:
        try:
            return resolve(*args, **kwargs)
        except PenstockError as error:
            place = body.find(args[-1]) if args else 0
            error.at = error.at or Location(path, first_line + body.count("\n", 0, max(place, 0)))
            raise

    def ref(*args: str, **kwargs: Any) -> str:
        relation = found(names.ref, *args, **kwargs)
        refs.append(args)
        return relation.sql

    def source(source_name: str, table_name: str) -> str:
        relation = found(names.source, source_name, table_name)
        sources.append((source_name, table_name))
        return relation.sql

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.globals.clear()
    functions: Mapping[str, Any] = {"ref": ref, "source": source, "var": names.var, "env_var": names.env_var, "this": this.sql}
    try:
        sql = _bounded(environment.from_string(body).generate(functions), path)
    except TemplateError as error:
        raise ParseError(
            f"Jinja: {error.message}",
            at=Location(path, getattr(error, "lineno", 0) or 0),
            hint="Ingestion files know ref, source, var, env_var and this; anything cleverer belongs in a dbt model.",
        ) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, MemoryError) as error:
        raise ParseError(f"Jinja: {error}", at=Location(path)) from error
    return sql, tuple(refs), tuple(sources)


def _bounded(pieces: Iterator[str], path: str) -> str:
    """Join what a template gives, as long as it can be a query: a few nested loops can fill any memory."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        kept.append(piece)
        size += len(piece)
        if size > MAX_RENDERED:
            raise ParseError(f"Jinja: the query has more than {MAX_RENDERED:,} characters", at=Location(path))
    return "".join(kept)
