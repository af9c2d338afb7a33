"""Compiled queries, kept under the target folder and keyed by what they depend on."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock.app.atomic import write_atomically
from penstock.app.gateway import DbtGateway
from penstock.assets.asset import Asset
from penstock.assets.names import RelationName
from penstock.compiler.checks import check_sql
from penstock.compiler.redirect import redirect
from penstock.errors import ProjectError
from penstock.parser.query import QueryFacts, read_query

CACHE_VERSION = 6


class CompiledQueries:
    """A cache in front of dbt's compiler; safe to use from several threads."""

    def __init__(self, path: Path, gateway: DbtGateway | None = None, dialect: str = "duckdb") -> None:
        self._path = path
        self._gateway = gateway
        self._dialect = dialect
        self._lock = threading.Lock()
        self._entries = self._load()
        self._changed = False
        self.redirect: Mapping[RelationName, RelationName] = {}

    def add(self, queries: Mapping[str, str]) -> None:
        """Take in queries by fingerprint; what they read is found out when it is asked for."""
        self._entries.update({key: [sql, None] for key, sql in queries.items() if key not in self._entries})
        self._changed = True

    def has(self, asset: Asset) -> bool:
        """Whether the query is there without dbt."""
        return asset.check is not None or self._keeps(asset)

    def _keeps(self, asset: Asset) -> bool:
        return not _never_kept(asset) and asset.fingerprint in self._entries

    def get(self, asset: Asset) -> tuple[str, QueryFacts]:
        """Return the compiled query and what it reads. Raises ProjectError where dbt cannot compile it."""
        if self._keeps(asset):
            sql, known = self._entries[asset.fingerprint]
            facts = _decode(known) if known is not None else self.learned(asset, sql)
        elif asset.check is not None:
            sql = check_sql(asset.check)
            facts = self.learned(asset, sql)
        elif self._gateway is None:
            raise ProjectError(f"{asset.key} was never compiled")
        else:
            sql = self._gateway.compile(asset.key)
            facts = self.learned(asset, sql)
        return self._redirected(sql, facts)

    def _redirected(self, sql: str, facts: QueryFacts) -> tuple[str, QueryFacts]:
        """Point a query at the relations of another target; what it means stays what it meant."""
        text = redirect(sql, self.redirect, self._dialect)
        return (sql, facts) if text == sql else (text, _meaning(facts, read_query(text, self._dialect)))

    def learned(self, asset: Asset, sql: str) -> QueryFacts:
        """Keep a query that dbt compiled, and return what it reads."""
        sql = redirect(sql, {there: here for here, there in self.redirect.items()}, self._dialect)
        facts = read_query(sql, self._dialect)
        if not _never_kept(asset):
            with self._lock:
                self._entries[asset.fingerprint] = [sql, _encode(facts)]
                self._changed = True
        return facts

    def save(self, fingerprints: Collection[str]) -> None:
        """Write the cache where it changed, keeping only what the graph still holds."""
        if self._changed:
            kept = {key: entry for key, entry in self._entries.items() if key in fingerprints}
            with suppress(OSError):
                write_atomically(self._path, json.dumps({"version": CACHE_VERSION, "queries": kept}))

    def _load(self) -> dict[str, list[Any]]:
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return dict(raw["queries"]) if isinstance(raw, dict) and raw.get("version") == CACHE_VERSION else {}


def _meaning(facts: QueryFacts, here: QueryFacts) -> QueryFacts:
    """Return what a query reads here, and the meaning it had before it was pointed here."""
    return dataclasses.replace(here, canonical=facts.canonical, unaliased=facts.unaliased, repeated=facts.repeated)


def _never_kept(asset: Asset) -> bool:
    """Whether Jinja may render to something else next time: it asks the warehouse, the clock, or whether `this` stands."""
    sliced = asset.materialized == "incremental" and bool(asset.config_version)  # it does not ask what stands
    return asset.recompile or (asset.materialized not in ("view", "table", "test") and not sliced)


def _encode(facts: QueryFacts) -> list[Any]:
    tables = [[table.database, table.schema, table.identifier] for table in facts.tables]
    reads = [[table.database, table.schema, table.identifier, sorted(columns)] for table, columns in facts.reads.items()]
    return [
        tables,
        list(facts.files),
        list(facts.unknown),
        list(facts.volatile),
        facts.error,
        reads,
        facts.canonical,
        list(facts.functions),
        facts.unaliased,
        list(facts.repeated),
    ]


def _decode(raw: list[Any]) -> QueryFacts:
    tables, files, unknown, volatile, error, reads, canonical, functions, unaliased, repeated = raw
    return QueryFacts(
        tables=tuple(RelationName(*table) for table in tables),
        files=tuple(files),
        unknown=tuple(unknown),
        volatile=tuple(volatile),
        error=error,
        reads={RelationName(*names): frozenset(columns) for *names, columns in reads},
        canonical=canonical,
        functions=tuple(functions),
        unaliased=unaliased,
        repeated=tuple(repeated),
    )
