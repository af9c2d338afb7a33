"""Macros of a manifest: what a node's Jinja really depends on, and which of dbt's own macros a project replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from penstock.assets.fingerprint import digest

INTERNAL_PACKAGES = ("dbt", "dbt_duckdb", "dbt_postgres")

_READS_THE_WORLD = re.compile(
    r"\b(?:run_query|statement|load_result|load_relation|load_cached_relation|run_started_at|invocation_id|graph"
    r"|selected_resources|invocation_args_dict|dbt_metadata_envs|local_md5_now|execute|get_columns?_in_\w+"
    r"|get_column_schema_from_query|get_intervals_between|date_spine|dates_in_range|partition_range|get_relation_last_modified"
    r"|list_schemas|list_relations_without_caching|check_schema_exists|get_catalog\w*|convert_datetime|py_current_timestring)\b"
    r"|\bmodules\s*\.\s*datetime\b|\badapter\s*\.\s*(?!dispatch\b|quote\b)"
)
"""Jinja whose value depends on the warehouse, the clock or the run: a compiled query must not be reused."""

_VOLATILE_WORD = re.compile(
    r"\b(?:now|today|random|uuid|gen_random_uuid|get_current_timestamp|nextval)\s*\(|\bcurrent_(?:date|time|timestamp)\b", re.IGNORECASE
)
_CALLS = {function: re.compile(rf"\b{function}\b(?:\s*\(\s*(['\"])(?P<name>[^'\"\\]+)\1\s*[,)])?") for function in ("var", "env_var")}
_JINJA = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
_CALLED = re.compile(r"(\w+)\s*\(")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)


def jinja_names(text: str, function: str) -> tuple[frozenset[str], bool]:
    """Return the literal first arguments of `var(...)` or `env_var(...)` in `text`, and whether it is used in any other way.

    A name put together (`var('a' ~ b)`), an alias (`set v = var`) and `var.has_var(...)` all count as other ways.
    """
    found = {match["name"] for match in _CALLS[function].finditer(_COMMENT.sub("", text))}
    return frozenset(found - {None}), None in found


def used_values(jinja: str, function: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what `var` or `env_var` may give a text: the values it names, all of them where it makes names up."""
    names, opaque = jinja_names(jinja, function)
    return dict(values) if opaque else {name: values.get(name) for name in sorted(names)}


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text of a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts_of(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)


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

    def called_in(self, jinja: str) -> frozenset[str]:
        """Return the project's and packages' macros that a text may call, by name.

        dbt notes a model's macros while it renders at parse time; those in a branch that was not taken then, such as
        `is_incremental()`, are not among them.
        """
        names = {name for part in _JINJA.findall(jinja) for name in _CALLED.findall(part)}
        return frozenset(uid for name in names for uid in self._by_name.get(name, ()))

    @cached_property
    def _by_name(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for uid, macro in self._macros.items():
            if not self.is_internal(uid):
                found.setdefault(str(macro.get("name", "")), []).append(uid)
        return found

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
