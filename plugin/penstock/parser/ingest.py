"""Ingestion files: a YAML header in `-- ` lines and one query. FORMATS, section 2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field
from sqlglot import exp

from penstock.assets.names import RelationName
from penstock.assets.partitions import UNPARTITIONED
from penstock.errors import Location, ParseError, PenstockError, Problems, raise_all
from penstock.parser.models import FileModel, key_lines, validate
from penstock.parser.partitions import parse_partitions
from penstock.parser.query import QueryFacts, facts_of, parse_one
from penstock.parser.yaml12 import load_yaml

WRITE_MODES_BUILT = ("replace", "append", "partition", "upsert")
KEYS_NOT_BUILT = ("schedule", "freshness")
PLACEHOLDERS = ("run_id", "run_started_at")
"""Placeholders of every file; `$cursor`, `$start`, `$end` and one for each dimension come with the keys that give them a value."""

NOT_ITS_CODE = frozenset({"description", "owner", "tags", "group", "meta", "batch", "required", "retries", "timeout", "pool"})
"""Header keys that change no row."""

MAX_RENDERED = 2_000_000
_FENCE = re.compile(r"^--\s*---\s*$")


class Cursor(FileModel):
    """The high-water mark of an incremental ingestion."""

    column: str
    initial: str | int | float | None = None
    lookback: str = ""


class IngestHeader(FileModel):
    """The header of an ingestion file; every key is optional."""

    source: str = Field(default="", description="the dbt source this file loads, as `schema.table`")
    relation: str = Field(default="", description="where the rows go, as `schema.table`; default: the file's path")
    description: str = ""
    owner: str = ""
    tags: list[str] = Field(default_factory=list)
    group: str = ""
    meta: dict[str, Any] = Field(default_factory=dict)
    write: Literal["replace", "append", "partition", "upsert", "statement"] = "replace"
    key: list[str] = Field(default_factory=list)
    cursor: Cursor | None = None
    partitions: dict[str, dict[str, Any]] = Field(default_factory=dict)
    batch: int | Literal["all"] = 1
    watch: str | list[str] = Field(default_factory=list, description="glob, or list of globs, of the files it reads")
    required: bool = Field(default=False, description="whether a partition without files is a failure; else it waits for them")
    schedule: str = ""
    freshness: dict[str, Any] = Field(default_factory=dict)
    schema_change: Literal["fail", "append_new_columns", "sync_all_columns", "ignore"] = "fail"
    attach: list[str] = Field(default_factory=list)
    extensions: list[str] = Field(default_factory=list)
    retries: dict[str, Any] = Field(default_factory=dict)
    timeout: str = ""
    pool: str = ""


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
        _refuse_unbuilt(header, path, lines)
        header = _understood(header, path, lines)
        sql, refs, sources = _render(body, path, first_line, names, RelationName("", schema, table))
        tree = _one_query(sql, path, first_line, dialect)
        _check_placeholders(tree, header, path, lines)
        skipped = len(sql) - len(sql.lstrip("\n"))
        query = sql.strip().rstrip(";")
        return IngestFile(path, schema, table, header, query, facts_of(tree), refs, sources, None, first_line + skipped, lines)
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


def _refuse_unbuilt(header: IngestHeader, path: str, lines: Mapping[str, int]) -> None:
    """Refuse what this version would silently leave undone."""
    if header.write not in WRITE_MODES_BUILT:
        raise ParseError(
            f"`write: {header.write}` is not supported by this version of Penstock",
            at=Location(path, lines.get("write", 0)),
            hint=f"Use write: {' or '.join(WRITE_MODES_BUILT)} for now.",
        )
    for key in KEYS_NOT_BUILT:
        if key in header.model_fields_set:
            raise ParseError(
                f"`{key}` is not supported by this version of Penstock", at=Location(path, lines.get(key, 0)), hint="Leave it out for now."
            )


def _one_query(sql: str, path: str, first_line: int, dialect: str) -> exp.Expr:
    try:
        tree = parse_one(sql, dialect)
    except ValueError as error:
        line = re.search(r"Line (\d+), Col: (\d+)", str(error))
        at = Location(path, int(line[1]) + first_line - 1, int(line[2])) if line else Location(path, first_line)
        raise ParseError(f"this file must hold one query: {error}", at=at) from error
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


def _understood(header: IngestHeader, path: str, lines: Mapping[str, int]) -> IngestHeader:
    """Return the header with the write mode that its partitions imply. Raises Problems for keys that do not go together."""

    def problem(key: str, message: str, hint: str) -> ParseError:
        return ParseError(message, at=Location(path, lines.get(key, lines.get("write", 1))), hint=hint)

    if header.partitions and "write" not in header.model_fields_set:
        header = header.model_copy(update={"write": "partition"})
    spec = parse_partitions(header.partitions, Location(path, lines.get("partitions", 1)))
    wrong: list[PenstockError] = []
    if header.write == "partition" and spec == UNPARTITIONED:
        wrong.append(
            problem("write", "`write: partition` needs `partitions`", "Name them: partitions: {day: {every: day, start: 2024-01-01}}.")
        )
    if spec != UNPARTITIONED and header.write != "partition":
        hint = "Each partition is replaced whole: write: partition."
        wrong.append(problem("write", f"`write: {header.write}` does not go with `partitions`", hint))
    if header.write == "upsert" and not header.key:
        wrong.append(problem("write", "`write: upsert` needs `key`", "Name the columns that tell rows apart: key: [id]."))
    if header.key and header.write != "upsert":
        wrong.append(problem("key", "`key` goes with `write: upsert` alone", "Leave it out, or write: upsert."))
    if header.cursor is not None and header.write not in ("append", "upsert"):
        wrong.append(problem("cursor", "`cursor` goes with `write: append` or `write: upsert`", "Every other mode reads everything again."))
    if header.batch != 1 and spec.time is None:
        wrong.append(problem("batch", "`batch` needs a dimension of time in `partitions`", "Leave it out."))
    if isinstance(header.batch, int) and header.batch < 1:
        wrong.append(problem("batch", f"`batch` must be a number from 1 on, or `all`, found {header.batch}", "Write batch: 24."))
    raise_all(wrong)
    return header


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
    if header.batch != 1 and spec.time is not None:
        if spec.time.name.lower() in used or not {"start", "end"} <= used:
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
