"""What in a node the native executor does not cover, so that dbt itself runs the node; the reasons are shown by `plan -v`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from penstock.parser.macros import MacroIndex

NATIVE_MATERIALIZATIONS = ("view", "table")

_CONFIG_KEYS = ("sql_header", "indexes", "grants", "partitioned_by", "partition_by", "sorted_by", "sort_by", "plugin")


class StockMacros:
    """Which stock materializations a project left alone."""

    def __init__(self, macros: MacroIndex, adapter: str) -> None:
        self._macros = macros
        self._adapter = adapter
        self.overridden = lru_cache(maxsize=None)(self._overridden)

    def _overridden(self, materialization: str) -> tuple[str, ...]:
        entry_points = [
            f"macro.dbt_{self._adapter}.materialization_{materialization}_{self._adapter}",
            f"macro.dbt.materialization_{materialization}_default",
        ]
        return self._macros.overridden(entry_points)


_ASKS_WHAT_STANDS = re.compile(r"\bis_incremental\b|\bshould_full_refresh\b|\bthis\b|\.\s*batch\b|[\[(]\s*['\"]batch\b")


_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_TYPE = re.compile(r"(?!struct)[a-z_][a-z0-9_]*(?: [a-z]+)*(?:\( ?\d+ ?(?:, ?\d+ ?)?\))?(?:\[\d*\])*")
_NAKED_NUMBERS = ("numeric", "decimal", "number")

_READS_BEYOND = re.compile(r"\.\s*render\b")
RENDERED = "inputs read beyond the batch, by .render()"
"""In dbt `ref(...).render()` is not cut to the batch, though it looks the same in a query that was compiled without one."""


def by_partitions(config: Mapping[str, Any]) -> bool:
    """Whether a model is built slice by slice: dbt's microbatch, or partitions in `meta.penstock`."""
    own = (config.get("meta") or {}).get("penstock")
    named = isinstance(own, Mapping) and bool(own.get("partitions")) and config.get("materialized") in ("table", "incremental")
    return named or (config.get("materialized") == "incremental" and config.get("incremental_strategy") == "microbatch")


def model_obstacles(node: Mapping[str, Any], config: Mapping[str, Any], stock: StockMacros, jinja: str) -> tuple[str, ...]:
    """Return the reasons why a model goes through dbt, in a fixed order; `jinja` is its code and that of its macros."""
    materialized = str(config.get("materialized") or "")
    if materialized == "ephemeral":
        return ()
    reasons = []
    if str(node.get("language") or "sql") != "sql":
        reasons.append(f"{node.get('language')} model")
    if config.get("incremental_strategy") == "microbatch" and _READS_BEYOND.search(jinja):
        reasons.append(RENDERED)
    if materialized == "incremental" and by_partitions(config) and not _ASKS_WHAT_STANDS.search(jinja):
        pass  # its slices are cut and put in place here
    elif materialized not in NATIVE_MATERIALIZATIONS:
        return (*reasons, f"materialized {materialized}", *own_materialization(materialized, stock))
    if config.get("pre-hook") or config.get("post-hook"):
        reasons.append("hooks")
    if (config.get("contract") or {}).get("enforced") and (by_partitions(config) or not plain_contract(node)):
        reasons.append("contract")
    if any((config.get("persist_docs") or {}).values()):
        reasons.append("persist_docs")
    reasons += [key for key in _CONFIG_KEYS if config.get(key)]
    reasons += [f"macro {name} overridden" for name in stock.overridden(materialized)]
    return tuple(reasons)


def plain_contract(node: Mapping[str, Any]) -> bool:
    """Whether the contract of a model has names, ordinary types and `not_null` and nothing else.

    Other constraints stay with dbt; so do structs, which it compares field by field, and numbers of unsaid precision: it warns of them.
    """
    columns = node.get("columns")
    if not columns or node.get("constraints"):
        return False
    return all(_plain_column(column) for column in columns.values())


def _plain_column(column: Mapping[str, Any]) -> bool:
    if (
        not all(map(_plain_not_null, column.get("constraints") or ()))
        or column.get("quote")
        or not _PLAIN_NAME.fullmatch(str(column.get("name")))
    ):
        return False
    kind = str(column.get("data_type") or "").strip().lower()
    return bool(_PLAIN_TYPE.fullmatch(kind)) and kind not in _NAKED_NUMBERS


def _plain_not_null(constraint: Mapping[str, Any]) -> bool:
    return constraint.get("type") == "not_null" and not constraint.get("expression")


def own_materialization(materialized: str, stock: StockMacros) -> tuple[str, ...]:
    """Say when the project has a materialization of its own in place of dbt's: its hooks cannot be relied on."""
    return tuple(f"macro {name} overridden" for name in stock.overridden(materialized) if name.startswith("materialization_"))


def test_obstacles(config: Mapping[str, Any], stock: StockMacros) -> tuple[str, ...]:
    """Return the reasons why a data test goes through dbt, in a fixed order."""
    reasons = []
    if config.get("store_failures") or config.get("store_failures_as"):
        reasons.append("store_failures")
    if config.get("sql_header"):
        reasons.append("sql_header")
    if str(config.get("materialized") or "test") != "test":
        reasons.append(f"materialized {config.get('materialized')}")
    reasons += [f"macro {name} overridden" for name in stock.overridden("test")]
    return tuple(reasons)
