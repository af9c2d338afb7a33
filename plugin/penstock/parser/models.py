"""What every file format of ours shares: strict pydantic models whose errors name file, key and the nearest known key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from inspect import isclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from penstock.errors import Location, ParseError, PenstockError, raise_all

Model = TypeVar("Model", bound="FileModel")


class FileModel(BaseModel):
    """A frozen file format in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=False)


def validate(model: type[Model], raw: Any, file: str, lines: Mapping[str, int] | None = None) -> Model:
    """Validate what a YAML document said.

    `lines` maps top-level keys to lines. Raises ParseError, or Problems holding one ParseError for each bad key.
    """
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ParseError("expected `key: value` pairs", at=Location(file, 1))
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems: list[PenstockError] = []
        for detail in error.errors():
            path = [str(part) for part in detail["loc"]]
            line = (lines or {}).get(path[0], 0) if path else 0
            problems.append(_problem(model, path, detail["type"], detail["msg"], Location(file, line)))
        raise_all(problems)
        raise


def key_lines(text: str, first_line: int = 1) -> dict[str, int]:
    """Return the line at which each top-level key of a block-style YAML text stands."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), first_line):
        key, colon, _ = line.partition(":")
        if colon and key and not key[0].isspace() and not key.startswith("#"):
            lines.setdefault(key.strip(), number)
    return lines


def _known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """Return the keys that may stand at a place in the document, found by following the fields' types."""
    for part in path:
        annotation = getattr(model.model_fields.get(part), "annotation", None)
        inner = next((item for item in (annotation, *get_args(annotation)) if isclass(item) and issubclass(item, BaseModel)), None)
        if inner is not None:
            model = inner
    return sorted({alias for name, field in model.model_fields.items() for alias in (name, field.alias) if alias})


def _problem(model: type[FileModel], path: list[str], kind: str, message: str, at: Location) -> ParseError:
    name = ".".join(path)
    if kind != "extra_forbidden":
        return ParseError(f"`{name}`: {message[:1].lower()}{message[1:]}", at=at)
    known = _known_keys(model, path[:-1])
    near = difflib.get_close_matches(path[-1], known, 1)
    hint = f"Did you mean `{near[0]}`?" if near else (f"Known keys: {', '.join(known)}." if known else "")
    return ParseError(f"unknown key `{name}`", at=at, hint=hint)
