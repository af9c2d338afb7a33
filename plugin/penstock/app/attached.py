"""The databases that `penstock.yml` attaches, for `open_target`: where they are, and of SQLite files what is read of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock.app.settings import PROJECT_FILE, Settings
from penstock.errors import ConfigError, Location, PenstockError, raise_all
from penstock.parser.project_file import Attachment

_FILES = ("duckdb", "sqlite")
_ELSEWHERE = (":memory:", "md:", "motherduck:", "ducklake:")


def attachments(settings: Settings) -> list[dict[str, Any]]:
    """Return the entries for ATTACH, the paths of files relative to the project's root.

    Raises ConfigError, or Problems, naming each file that is not there, with its line.
    """
    problems: list[PenstockError] = []
    found = []
    for name, item in settings.file.attach.items():
        path = _file(settings, item)
        if path is not None and not path.is_file():
            at = Location(PROJECT_FILE, _line(settings, name))
            hint = f"Check `path:`; it is relative to the folder of {PROJECT_FILE}."
            problems.append(ConfigError(f"`attach: {name}`: there is no file {item.path}", at=at, hint=hint))
        found.append({"alias": name, **item.model_dump(), "path": item.path if path is None else str(path)})
    raise_all(problems)
    wanted = _tables_by_alias(settings, [one["alias"] for one in found if one["type"].lower() == "sqlite"])
    return [{**one, "tables": wanted.get(one["alias"], frozenset())} for one in found]


def _file(settings: Settings, item: Attachment) -> Path | None:
    if item.type.lower() not in _FILES or "://" in item.path or item.path.startswith(_ELSEWHERE):
        return None
    return settings.root / item.path


def _line(settings: Settings, name: str) -> int:
    """Return the line in which an attachment begins, 0 where that cannot be told."""
    lines: list[str] = []
    with suppress(OSError):
        lines = (settings.root / PROJECT_FILE).read_text(encoding="utf-8").splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("attach:")), len(lines))
    return next((number for number, line in enumerate(lines[start:], start + 1) if line.strip().startswith((f"{name}:", f'"{name}":'))), 0)


def _tables_by_alias(settings: Settings, aliases: list[str]) -> Mapping[str, frozenset[str]]:
    """Return the tables that ingestion files read of some attachments, as they spell them."""
    known = {alias.lower(): alias for alias in aliases}
    found: dict[str, set[str]] = {alias: set() for alias in aliases}
    for table in _tables(settings) if aliases else ():
        catalog = (table.database or table.schema).lower()
        if catalog in known:
            found[known[catalog]].add(table.identifier)
    return {alias: frozenset(names) for alias, names in found.items()}


def _tables(settings: Settings) -> Iterator[Any]:
    """Yield what the ingestion files read; what `ref` and `source` mean does not matter here."""
    from penstock.app.ingest_names import ingest_names
    from penstock.assets.names import RelationName
    from penstock.parser.ingest import parse_ingest
    from penstock.parser.manifest import ParsedManifest
    from penstock.parser.sql_file import Names

    def somewhere(*_: str, **__: Any) -> RelationName:
        return RelationName("", "", "elsewhere")

    said = ingest_names(settings, ParsedManifest("", "", "", (), (), (), (), {}))
    names = Names(somewhere, somewhere, said.var, said.env_var)
    for path in sorted((settings.root / settings.file.ingest).rglob("*.sql")):
        with suppress(OSError, UnicodeDecodeError):  # told where the project is read
            yield from parse_ingest(os.path.relpath(path, settings.root), path.read_text(encoding="utf-8"), names).facts.tables
