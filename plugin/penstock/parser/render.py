"""The Jinja that most models are made of, rendered without dbt: only ref, source and config with literal arguments.

Anything else, even a comment or a filter, is left to dbt's own compiler. What is rendered here equals dbt's text to the
letter; tests compare both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from penstock.parser.macros import MacroIndex

_BUILTINS = ("ref", "source", "config", "builtins")
_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BEYOND = ("{%", "{#", "{{-", "-}}")
_NEWLINE = re.compile(r"\r\n|\r")
_RENDERED = re.compile(r"\{[{%#]|[#}%]\}")
"""Where dbt hands a text to Jinja at all, which makes every line end the same."""
_TEXT = r"(?:'([^'\\{}]*)'|\"([^\"\\{}]*)\")"
_REF = re.compile(rf"\s*ref\(\s*{_TEXT}\s*(?:,\s*{_TEXT}\s*)?\)\s*")
_SOURCE = re.compile(rf"\s*source\(\s*{_TEXT}\s*,\s*{_TEXT}\s*\)\s*")
_CONFIG = re.compile(r"\s*config\((?:[^(){}'\"]|'[^'\\{}]*'|\"[^\"\\{}]*\")*\)\s*", re.DOTALL)


class SimpleRenderer:
    """Renders the simple models of one manifest."""

    def __init__(self, raw: Mapping[str, Any], macros: MacroIndex) -> None:
        self._raw = raw
        self._usable = not macros.written & set(_BUILTINS)

    def render(self, node: Mapping[str, Any]) -> str | None:
        """Return the compiled query of a node, None where dbt has to do it."""
        code = str(node.get("raw_code") or "")
        if not self._usable or (node.get("depends_on") or {}).get("macros") or any(mark in code for mark in _BEYOND):
            return None
        code = _NEWLINE.sub("\n", code) if _RENDERED.search(code) else code
        parts: list[str] = []
        end = 0
        for match in _EXPRESSION.finditer(code):
            value = self.value(match[1], node)
            if value is None:
                return None
            parts += [code[end : match.start()], value]
            end = match.end()
        if "{{" in code[end:]:
            return None
        return "".join([*parts, code[end:]])

    def value(self, expression: str, node: Mapping[str, Any]) -> str | None:
        """Return what one expression of a node renders to, None where dbt has to do it."""
        if not self._usable:
            return None
        if _CONFIG.fullmatch(expression):
            return ""
        ref = _REF.fullmatch(expression)
        if ref:
            names = [name for name in ref.groups() if name is not None]
            return self._relation(node, ("model", "seed", "snapshot"), names)
        source = _SOURCE.fullmatch(expression)
        if source:
            return self._relation(node, ("source",), [name for name in source.groups() if name is not None])
        return None

    def _relation(self, node: Mapping[str, Any], kinds: tuple[str, ...], names: list[str]) -> str | None:
        """Find the one parent so named; None for anything out of the ordinary: versions, ephemerals, external sources."""
        found = []
        for uid in (node.get("depends_on") or {}).get("nodes") or ():
            parent = (self._raw.get("sources") if kinds == ("source",) else self._raw["nodes"]).get(uid)  # type: ignore[union-attr]
            if parent is None or parent.get("resource_type") not in kinds or parent.get("name") != names[-1]:
                continue
            if len(names) > 1 and parent.get("source_name" if kinds == ("source",) else "package_name") != names[0]:
                continue
            found.append(parent)
        if len(found) != 1 or not _ordinary(found[0]):
            return None
        return str(found[0]["relation_name"])


def _ordinary(parent: Mapping[str, Any]) -> bool:
    if parent.get("version") is not None or not parent.get("relation_name"):
        return False
    metas = (parent.get("meta"), (parent.get("config") or {}).get("meta"), parent.get("source_meta"))
    return not any(meta for meta in metas) if parent.get("resource_type") == "source" else True
