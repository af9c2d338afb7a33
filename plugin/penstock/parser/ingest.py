"""Ingestion files: a YAML header in `-- ` lines and one query. FORMATS, section 2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.errors import Location, ParseError, PenstockError, Problems
from penstock.parser.ingest_header import IngestHeader, understood
from penstock.parser.loading import check_loading, loading_facts
from penstock.parser.models import key_lines, validate
from penstock.parser.partitions import parse_partitions
from penstock.parser.query import QueryFacts, facts_of, parse_one, statement_in
from penstock.parser.yaml12 import load_yaml

PLACEHOLDERS = ("run_id", "run_started_at")
"""Placeholders of every file; `$cursor`, `$start`, `$end` and one for each dimension come with the keys that give them a value."""

NOT_ITS_CODE = frozenset(
    {"description", "owner", "tags", "group", "meta", "batch", "required", "retries", "timeout", "pool", "schedule", "freshness"}
)
"""Header keys that change no row."""

MAX_RENDERED = 2_000_000
_FENCE = re.compile(r"^--\s*---\s*$")


@dataclass(frozen=True, slots=True)
class IngestFile:
    """One parsed ingestion file; with `error` set, only its identity can be believed."""

    path: str
    schema: str
    table: str
    header: IngestHeader
    sql: str = ""
    facts: QueryFacts = field(default_factory=QueryFacts)
    refs: tuple[tuple[str, ...], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    error: PenstockError | None = None
    first_line: int = 1
    lines: Mapping[str, int] = field(default_factory=dict)

    def at(self, key: str = "") -> Location:
        """Return the place of a header's key, the file's first line where it has none."""
        return Location(self.path, self.lines.get(key, 1))


Rendered = tuple[str, tuple[tuple[str, ...], ...], tuple[tuple[str, str], ...]]
"""A rendered query, the arguments of its `ref` calls, and those of its `source` calls."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the five Jinja functions resolve to; `ref` and `source` raise PenstockError for unknown names."""

    ref: Callable[..., RelationName]
    source: Callable[[str, str], RelationName]
    var: Callable[..., Any]
    env_var: Callable[..., str]


def parse_ingest(path: str, text: str, names: Names, dialect: str = "duckdb") -> IngestFile:
    """Parse one ingestion file, `path` being relative to the project (`ingest/raw/orders.sql`).

    A broken file comes back with `error` set: it fails itself and its readers, never the graph.
    """
    schema, table = _identity(path)
    header = IngestHeader()
    first_line, lines = 1, {}
    try:
        header_text, body, first_line = _split(path, text)
        lines = key_lines(header_text, 2)
        header = validate(IngestHeader, load_yaml(header_text, path, 2), path, lines)
        if header.relation:
            schema, table = _dotted(header.relation, path, "relation")
        header = understood(header, path, lines)
        own = _own_relation(header, names, RelationName("", schema, table))
        sql, refs, sources = _render(body, path, first_line, names, own)
        tree, facts = _one_statement(sql, path, first_line, dialect, own if header.write == "statement" else None)
        _check_placeholders(tree, header, path, lines)
        query, start = statement_in(f"{sql}\n", dialect)
        return IngestFile(path, schema, table, header, query, facts, refs, sources, None, first_line + sql.count("\n", 0, start), lines)
    except RecursionError:
        known: PenstockError = ParseError("the query is nested too deeply to be read", at=Location(path, first_line))
    except PenstockError as error:
        known = error
        known.at = known.at or Location(path, first_line)
    return IngestFile(path, schema, table, header, error=known, first_line=first_line, lines=lines)


def _identity(path: str) -> tuple[str, str]:
    parts = path.removesuffix(".sql").split("/")
    return (parts[-2] if len(parts) > 1 else ""), parts[-1]


def _dotted(name: str, path: str, key: str) -> tuple[str, str]:
    parts = name.split(".")
    if len(parts) != 2 or not all(parts):
        raise ParseError(f"`{key}` must be `schema.table`, found `{name}`", at=Location(path))
    return parts[0], parts[1]


def _own_relation(header: IngestHeader, names: Names, relation: RelationName) -> RelationName:
    """Return what a file writes: the relation of the dbt source that its header names comes before its own path."""
    source_name, _, table_name = header.source.partition(".")
    with suppress(PenstockError):  # told when the graph is made
        relation = names.source(source_name, table_name) if table_name else relation
    return relation


def _split(path: str, text: str) -> tuple[str, str, int]:
    """Return the header's YAML, the query, and the line at which the query begins."""
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


def _one_statement(sql: str, path: str, first_line: int, dialect: str, loaded: RelationName | None) -> tuple[exp.Expr, QueryFacts]:
    """Return the file's query, or the statement that loads a relation, and what it reads."""
    if loaded is None:
        tree = _one_query(sql, path, first_line, dialect)
        return tree, facts_of(tree)
    tree = _parsed(sql, path, first_line, dialect)
    check_loading(tree, loaded, Location(path, first_line))
    return tree, loading_facts(tree)


def _parsed(sql: str, path: str, first_line: int, dialect: str) -> exp.Expr:
    try:
        return parse_one(sql, dialect)
    except ValueError as error:
        line = re.search(r"Line (\d+), Col: (\d+)", str(error))
        at = Location(path, int(line[1]) + first_line - 1, int(line[2])) if line else Location(path, first_line)
        raise ParseError(f"this file must hold one query: {error}", at=at) from error


def _one_query(sql: str, path: str, first_line: int, dialect: str) -> exp.Expr:
    tree = _parsed(sql, path, first_line, dialect)
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


def _check_placeholders(tree: exp.Expr, header: IngestHeader, path: str, lines: Mapping[str, int]) -> None:
    """Raise ParseError for a placeholder that has no value, and for `batch` without bounds in the query."""
    spec = parse_partitions(header.partitions)
    known = [
        *PLACEHOLDERS,
        *(one.name for one in spec.dimensions),
        *(("start", "end") if spec.time else ()),
        *(("cursor",) if header.cursor else ()),
    ]
    used = {node.name.lower() for node in tree.find_all(exp.Parameter, exp.Placeholder)}
    for name in sorted(used - {one.lower() for one in known}):
        raise ParseError(f"unknown placeholder ${name}", at=Location(path), hint=f"Known here: {', '.join('$' + one for one in known)}.")
    if header.cursor is not None and "cursor" not in used:
        raise ParseError(
            "the query does not use $cursor, so every run would read everything",
            at=Location(path, lines.get("cursor", 1)),
            hint=f"Filter by it: where {header.cursor.column} >= $cursor.",
        )
    if header.batch != 1 and spec.time is not None and (spec.time.name.lower() in used or not {"start", "end"} <= used):
        raise ParseError(
            f"`batch: {header.batch}` reads several partitions at once, so the query needs $start and $end, not ${spec.time.name}",
            at=Location(path, lines.get("batch", 1)),
            hint=f"Filter by a column: where {spec.time.column} >= $start and {spec.time.column} < $end.",
        )


def _render(body: str, path: str, first_line: int, names: Names, this: RelationName) -> Rendered:
    """Render the five functions; a text without Jinja is returned as it is."""
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


def problems_of(file: IngestFile) -> tuple[PenstockError, ...]:
    """Return a broken file's problems, one by one."""
    if isinstance(file.error, Problems):
        return file.error.problems
    return (file.error,) if file.error else ()
