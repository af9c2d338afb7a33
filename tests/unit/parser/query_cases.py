"""Reads the query cases: files of `-- name:` blocks, each with the facts expected in comment lines above its SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "cases" / "query"
_HEADER = re.compile(r"^-- (name|tables|files|unknown|volatile|error): ?(.*)$")


@dataclass(frozen=True)
class QueryCase:
    """One query and what it reads; an absent line stands for nothing."""

    name: str
    sql: str
    tables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    error: str = ""


def read_cases() -> list[QueryCase]:
    """Return the cases of every file, in order."""
    return [case for path in sorted(FOLDER.glob("*.sql")) for case in _cases(path)]


def _cases(path: Path) -> list[QueryCase]:
    blocks = re.split(r"^(?=-- name:)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [_case(block) for block in blocks if block.startswith("-- name:")]


def _case(block: str) -> QueryCase:
    lines = block.splitlines()
    header: dict[str, str] = {}
    while lines and (match := _HEADER.match(lines[0])):
        header[match[1]] = match[2]
        lines.pop(0)
    parts = {key: tuple(header[key].split()) for key in ("tables", "files", "unknown", "volatile") if key in header}
    return QueryCase(header["name"], "\n".join(lines).strip(), error=header.get("error", ""), **parts)
