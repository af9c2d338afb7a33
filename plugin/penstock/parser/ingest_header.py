"""The header of an ingestion file: its keys, and which of them go together. FORMATS, section 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from penstock.assets.freshness import criteria_of, parse_duration
from penstock.assets.partitions import UNPARTITIONED, PartitionSpec
from penstock.errors import Location, ParseError, PenstockError, raise_all
from penstock.parser.cron import NICKNAMES, cron_problems
from penstock.parser.models import FileModel
from penstock.parser.partitions import parse_partitions


class Cursor(FileModel):
    """The high-water mark of an incremental ingestion; `lookback` is a duration, as in `10 minutes`."""

    column: str
    initial: str | int | float | None = None
    lookback: str = ""


class Freshness(FileModel):
    """How old the rows may be: dbt's `warn_after` and `error_after`, each `{count, period}`; `lag_tolerance` is a duration."""

    warn_after: dict[str, Any] | None = None
    error_after: dict[str, Any] | None = None
    lag_tolerance: str | dict[str, Any] | None = None


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
    freshness: Freshness | None = None
    schema_change: Literal["fail", "append_new_columns", "sync_all_columns", "ignore"] = "fail"
    attach: list[str] = Field(default_factory=list)
    extensions: list[str] = Field(default_factory=list)
    retries: dict[str, Any] = Field(default_factory=dict)
    timeout: str = ""
    pool: str = ""


def understood(header: IngestHeader, path: str, lines: Mapping[str, int]) -> IngestHeader:
    """Return the header with what its keys imply: a write mode, and what the asset's `meta` says of its age.

    Raises Problems for keys that do not go together.
    """
    if header.partitions and "write" not in header.model_fields_set:
        header = header.model_copy(update={"write": "partition"})
    spec = parse_partitions(header.partitions, Location(path, lines.get("partitions", 1)))
    wrong: list[PenstockError] = [
        ParseError(message, at=Location(path, lines.get(key, lines.get("write", 1))), hint=hint)
        for key, message, hint in (*_write_problems(header, spec), *_batch_problems(header, spec))
    ]
    wrong += _cursor_problems(header.cursor, Location(path, lines.get("cursor", 1)))
    wrong += _freshness_problems(header.freshness, Location(path, lines.get("freshness", 1)))
    at = Location(path, lines.get("schedule", 1))
    hint = f"Write five fields such as `30 6 * * mon-fri`, or one of {', '.join(NICKNAMES)}."
    problems = cron_problems(header.schedule) if "schedule" in header.model_fields_set else ()
    wrong += [ParseError(f"`schedule: {header.schedule}`: {problem}", at=at, hint=hint) for problem in problems]
    raise_all(wrong)
    return header.model_copy(update={"meta": {**_policy(header), **header.meta}})


def _policy(header: IngestHeader) -> dict[str, Any]:
    """Return what the header says of time as a model's `meta` would: there all who ask how old an asset may be look for it."""
    found = header.freshness.model_dump(exclude_none=True) if header.freshness is not None else {}
    tolerance = {"lag_tolerance": found.pop("lag_tolerance")} if "lag_tolerance" in found else {}
    return {**tolerance, **({"freshness": found} if found else {}), **({"schedule": header.schedule} if header.schedule else {})}


def _freshness_problems(freshness: Freshness | None, at: Location) -> list[PenstockError]:
    wrong: list[PenstockError] = []
    if freshness is None:
        return wrong
    said = freshness.model_dump(exclude_none=True)
    for key, value in said.items():
        try:
            parse_duration(value, key) if key == "lag_tolerance" else criteria_of({key: value})
        except PenstockError as error:
            error.at = at
            wrong.append(error)
    return wrong


_Problem = tuple[str, str, str]
"""A key, what is wrong with it, and what to do."""


def _write_problems(header: IngestHeader, spec: PartitionSpec) -> Iterator[_Problem]:
    if header.write == "partition" and spec == UNPARTITIONED:
        yield "write", "`write: partition` needs `partitions`", "Name them: partitions: {day: {every: day, start: 2024-01-01}}."
    if spec != UNPARTITIONED and header.write != "partition":
        yield "write", f"`write: {header.write}` does not go with `partitions`", "Each partition is replaced whole: write: partition."
    if header.write == "upsert" and not header.key:
        yield "write", "`write: upsert` needs `key`", "Name the columns that tell rows apart: key: [id]."
    if header.key and header.write != "upsert":
        yield "key", "`key` goes with `write: upsert` alone", "Leave it out, or write: upsert."
    if len({name.lower() for name in header.key}) < len(header.key):
        yield "key", "`key` names a column twice", "Name each column once."
    if header.cursor is not None and header.write not in ("append", "upsert"):
        yield "cursor", "`cursor` goes with `write: append` or `write: upsert`", "Every other mode reads everything again."


def _batch_problems(header: IngestHeader, spec: PartitionSpec) -> Iterator[_Problem]:
    if header.batch != 1 and spec.time is None:
        yield "batch", "`batch` needs a dimension of time in `partitions`", "Leave it out."
    if isinstance(header.batch, int) and header.batch < 1:
        yield "batch", f"`batch` must be a number from 1 on, or `all`, found {header.batch}", "Write batch: 24."


def _cursor_problems(cursor: Cursor | None, at: Location) -> list[PenstockError]:
    wrong: list[PenstockError] = []
    if cursor is None:
        return wrong
    if cursor.initial is None:
        hint = "Say it: cursor: {column: updated_at, initial: 1970-01-01}."
        wrong.append(ParseError("`cursor` needs `initial`, from which the first load begins", at=at, hint=hint))
    try:
        parse_duration(cursor.lookback, "lookback") if cursor.lookback else None
    except PenstockError as error:
        error.at = at
        wrong.append(error)
    return wrong
