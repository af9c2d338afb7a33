"""YAML as version 1.2 reads it: `on`, `no` and `13:30` stay text; aliases and size are capped; keys are unique."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from penstock.errors import Location, ParseError

MAX_BYTES = 4_000_000
MAX_ALIASES = 200
MAX_VALUES = 200_000
MAX_DEPTH = 100


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader with the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section 10.3)."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own class attribute)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.MarkedYAMLError(None, None, "this key is not a plain value", key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", "-+0123456789."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _construct_int(loader: Any, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if text.startswith(("0o", "0x")):
        return int(text, 0)
    return int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def load_yaml(text: str, file: str, first_line: int = 1) -> Any:
    """Read one YAML document; None when it is empty.

    `first_line` is the line of `file` at which `text` begins, for messages. Raises ParseError with the line and
    column for broken YAML, for repeated keys, and for documents past the caps (a small file can expand to a huge one).
    """
    if len(text) > MAX_BYTES:
        raise ParseError(f"this YAML is larger than {MAX_BYTES:,} bytes", at=Location(file))
    try:
        aliases = _count_aliases(text)
        if aliases > MAX_ALIASES:
            raise ParseError(f"this YAML uses {aliases} aliases, more than {MAX_ALIASES}", at=Location(file))
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 (a subclass of the safe loader)
        values = _written_out(value, {}) if aliases else 0
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + first_line, mark.column + 1) if mark else (first_line, 0)
        raise ParseError(
            f"broken YAML: {error.problem or error}",
            at=Location(file, line, column),
            hint="Check indentation and quoting on that line.",
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError, KeyError, AttributeError, TypeError) as error:  # PyYAML leaks all of these
        raise ParseError(f"broken YAML: {error}", at=Location(file, first_line)) from error
    if values > MAX_VALUES:
        raise ParseError(f"this YAML holds more than {MAX_VALUES:,} values once its aliases are written out", at=Location(file))
    return value


def _count_aliases(text: str) -> int:
    """Count aliases. Raises MarkedYAMLError where collections nest too deeply: reading them costs the square of the depth."""
    aliases = depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise yaml.MarkedYAMLError(None, None, f"nested more than {MAX_DEPTH} deep", event.start_mark)  # type: ignore[arg-type]
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return aliases


def _written_out(value: Any, sizes: dict[int, int]) -> int:
    """Count values as if each alias were written out. Raises ValueError for a value that contains itself."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = 0
        parts = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_written_out(part, sizes) for part in parts)
    if sizes[id(value)] == 0:
        raise ValueError("a value contains itself")
    return sizes[id(value)]
