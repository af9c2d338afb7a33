"""Ingestion files: a YAML header in `-- ` lines and one query. FORMATS, section 2."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.errors import Location, ParseError, PenstockError, problems_in
from penstock.parser.ingest_header import IngestHeader, understood
from penstock.parser.loading import check_loading, loading_facts
from penstock.parser.models import key_lines, validate
from penstock.parser.partitions import parse_partitions
from penstock.parser.query import QueryFacts, facts_of, statement_in
from penstock.parser.sql_file import Names, one_query, render, split_header, statement_of
from penstock.parser.yaml12 import load_yaml

PLACEHOLDERS = ("run_id", "run_started_at")
"""Placeholders of every file; `$cursor`, `$start`, `$end` and one for each dimension come with the keys that give them a value."""

NOT_ITS_CODE = frozenset(
    {"description", "owner", "tags", "group", "meta", "batch", "required", "retries", "timeout", "pool", "schedule", "freshness"}
)
"""Header keys that change no row."""


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


def parse_ingest(path: str, text: str, names: Names, dialect: str = "duckdb") -> IngestFile:
    """Parse one ingestion file, `path` being relative to the project (`ingest/raw/orders.sql`).

    A broken file comes back with `error` set: it fails itself and its readers, never the graph.
    """
    schema, table = _identity(path)
    header = IngestHeader()
    first_line, lines = 1, {}
    try:
        header_text, body, first_line = split_header(path, text)
        lines = key_lines(header_text, 2)
        header = validate(IngestHeader, load_yaml(header_text, path, 2), path, lines)
        if header.relation:
            schema, table = _dotted(header.relation, path, "relation")
        header = understood(header, path, lines)
        own = _own_relation(header, names, RelationName("", schema, table))
        sql, refs, sources = render(body, path, first_line, names, own)
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


def _one_statement(sql: str, path: str, first_line: int, dialect: str, loaded: RelationName | None) -> tuple[exp.Expr, QueryFacts]:
    """Return the file's query, or the statement that loads a relation, and what it reads."""
    if loaded is None:
        tree = one_query(sql, path, first_line, dialect)
        return tree, facts_of(tree)
    tree = statement_of(sql, path, first_line, dialect)
    check_loading(tree, loaded, Location(path, first_line))
    return tree, loading_facts(tree)


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


def problems_of(file: IngestFile) -> tuple[PenstockError, ...]:
    """Return a broken file's problems, one by one."""
    return problems_in(file.error) if file.error else ()
