"""Macros of a manifest: what a node's Jinja really depends on, and which of dbt's own macros a project replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from penstock.assets.fingerprint import digest

INTERNAL_PACKAGES = ("dbt", "dbt_duckdb", "dbt_postgres")

_READS_THE_WORLD = re.compile(
    r"\b(?:run_query|statement|load_result|load_relation|load_cached_relation|run_started_at|invocation_id|graph"
    r"|selected_resources|invocation_args_dict|dbt_metadata_envs|local_md5_now|execute)\b"
    r"|\bmodules\s*\.\s*datetime\b|\badapter\s*\.\s*(?!dispatch\b|quote\b)"
)
"""Jinja whose value depends on the warehouse, the clock or the run: a compiled query must not be reused."""

_VOLATILE_WORD = re.compile(
    r"\b(?:now|today|random|uuid|gen_random_uuid|get_current_timestamp|nextval)\s*\(|\bcurrent_(?:date|time|timestamp)\b", re.IGNORECASE
)
_CALL = re.compile(r"\b(var|env_var)\s*\(\s*(?:(['\"])(?P<name>[^'\"]+)\2)?")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)


def jinja_names(text: str, function: str) -> tuple[frozenset[str], bool]:
    """Return the literal first arguments of `var(...)` or `env_var(...)` in `text`, and whether any is not literal."""
    names = set()
    opaque = False
    for match in _CALL.finditer(text):
        if match.group(1) != function:
            continue
        if match.group("name"):
            names.add(match.group("name"))
        else:
            opaque = True
    return frozenset(names), opaque


def reads_the_world(jinja: str) -> bool:
    """Tell whether a Jinja text asks the warehouse, the clock or the run for something."""
    return bool(_READS_THE_WORLD.search(_COMMENT.sub("", jinja)))


def names_volatile(text: str) -> bool:
    """Tell whether a text calls the clock or chance anywhere, even in a branch that was not rendered this time."""
    return bool(_VOLATILE_WORD.search(_COMMENT.sub("", text)))


class MacroIndex:
    """The macros of one manifest, with memoised transitive closures."""

    def __init__(self, macros: Mapping[str, Mapping[str, Any]]) -> None:
        self._macros = macros
        self._closures: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._digests: dict[str, str] = {}

    def closure(self, roots: Iterable[str]) -> tuple[str, ...]:
        """Return every macro that `roots` can reach, themselves included, sorted; unknown ones are left out."""
        key = tuple(sorted(roots))
        if key not in self._closures:
            seen: set[str] = set()
            stack = [uid for uid in key if uid in self._macros]
            while stack:
                uid = stack.pop()
                if uid in seen:
                    continue
                seen.add(uid)
                depends = self._macros[uid].get("depends_on") or {}
                stack.extend(child for child in depends.get("macros") or () if child in self._macros)
            self._closures[key] = tuple(sorted(seen))
        return self._closures[key]

    def text_digest(self, uid: str) -> str:
        """Return the hash of one macro's text."""
        if uid not in self._digests:
            self._digests[uid] = digest(self._macros[uid].get("macro_sql") or "")
        return self._digests[uid]

    def is_internal(self, uid: str) -> bool:
        """Whether dbt or the adapter ships the macro."""
        return self._macros[uid].get("package_name") in INTERNAL_PACKAGES

    def texts(self, uids: Iterable[str]) -> str:
        """Return the texts of those macros that the project or its packages wrote."""
        return "\n".join(self._macros[uid].get("macro_sql") or "" for uid in uids if not self.is_internal(uid))

    @cached_property
    def written(self) -> frozenset[str]:
        """The names of the macros that the project and its packages wrote, adapter prefixes taken off."""
        return frozenset(
            str(macro.get("name", "")).removeprefix("duckdb__").removeprefix("postgres__").removeprefix("default__")
            for uid, macro in self._macros.items()
            if not self.is_internal(uid)
        )

    def overridden(self, entry_points: Iterable[str]) -> tuple[str, ...]:
        """Return the names of stock macros reachable from `entry_points` that the project or a package replaced.

        The comparison is by name, because dbt resolves an override when it renders, not when it parses.
        """
        reached = self.closure(entry_points)
        stock = {
            str(self._macros[uid].get("name", "")).removeprefix("duckdb__").removeprefix("postgres__").removeprefix("default__")
            for uid in reached
        }
        return tuple(sorted(stock & self.written))
