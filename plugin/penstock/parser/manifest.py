"""dbt's manifest.json as assets: read as plain JSON, because dbt's own classes cost four times as much."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from penstock.assets.asset import Asset, Column, EdgeKind, Kind, SourceSpec, TestSpec
from penstock.assets.code_version import rows_by
from penstock.assets.fingerprint import RAW_FINGERPRINT_VERSION, fingerprint
from penstock.assets.freshness import POLICY_KEYS
from penstock.assets.names import AssetKey, RelationName
from penstock.errors import Location, ProjectError
from penstock.parser.macros import MacroIndex, names_volatile, reads_the_world, texts_of, used_values
from penstock.parser.obstacles import (
    NATIVE_MATERIALIZATIONS,
    StockMacros,
    by_partitions,
    model_obstacles,
    own_materialization,
    test_obstacles,
)
from penstock.parser.render import SimpleRenderer
from penstock.parser.render_tests import TestRenderer

OLDEST_SCHEMA = 4
NEWEST_SCHEMA = 12

_WHEN_NOT_WHAT = POLICY_KEYS | {"begin", "lookback", "concurrent_batches", "batch", "on_code_change", "retries", "timeout", "pool"}
"""Config keys that say when, how often and which part is built, never what a part holds."""
_LOOKED_AT = {"metrics", "mask", "monitors"}
"""Keys of `meta.penstock` that say what is measured, checked and shown of rows, never what they are."""
_FINGERPRINT_CONFIG_IGNORES = frozenset({"docs", "meta", "tags", "group", "access", "enabled", "packages"}) | _WHEN_NOT_WHAT
_SETS_CONFIG = re.compile(r"\bset_sql_header\b|\bconfig\s*\.\s*set\b")
_WHERE_MACRO = "get_where_subquery"
_READS_ITSELF = re.compile(r"\{[{%](?:(?![}%]\}).)*?\b(?:model\b|config\s*\.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Context:
    """What a node depends on besides its own text: vars, the environment, the target, its session's settings, and files.

    `files` maps paths relative to the project to content hashes: dbt's own checksum of a seed over 1 MiB is that of its
    path, and fixtures of unit tests have none.
    """

    vars: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    session: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParsedManifest:
    """The assets and edges of one manifest.

    `hooks` are on-run-start and on-run-end operations; `rendered` holds the queries that needed no compiler; `session` is
    the context's.
    """

    project: str
    dbt_version: str
    adapter: str
    assets: tuple[Asset, ...]
    edges: tuple[tuple[AssetKey, AssetKey, EdgeKind], ...]
    hooks: tuple[AssetKey, ...]
    missing: tuple[tuple[AssetKey, AssetKey], ...]
    rendered: Mapping[AssetKey, str]
    session: str = ""


def read_manifest(text: str, file: str) -> Mapping[str, Any]:
    """Read manifest.json's text.

    Raises ProjectError for broken JSON, for a file that is no manifest and for schema versions dbt cannot have meant.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise ProjectError(
            f"the manifest is not complete JSON: {error}", at=Location(file, line), hint="Run `dbt parse` to write it anew."
        ) from error
    manifest: Mapping[str, Any] = raw
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    version = metadata.get("dbt_schema_version", "") if isinstance(metadata, dict) else ""
    match = re.search(r"/manifest/v(\d+)\.json$", str(version))
    if not match or not isinstance(raw.get("nodes"), dict):
        raise ProjectError("this file is not a dbt manifest", at=Location(file), hint="Run `dbt parse` to write one.")
    if not OLDEST_SCHEMA <= int(match.group(1)) <= NEWEST_SCHEMA:
        raise ProjectError(
            f"manifest version v{match.group(1)} is not supported (v{OLDEST_SCHEMA} to v{NEWEST_SCHEMA})",
            at=Location(file),
            hint="Use dbt-core 1.10 or later, or a newer Penstock.",
        )
    return manifest


def parse_manifest(raw: Mapping[str, Any], context: Context) -> ParsedManifest:
    """Turn a manifest into assets and edges; references to nodes that are not there are returned, not raised."""
    reader = _Reader(raw, context)
    assets = tuple(reader.assets())
    keys = {asset.key for asset in assets}
    edges: list[tuple[AssetKey, AssetKey, EdgeKind]] = []
    missing: list[tuple[AssetKey, AssetKey]] = []
    for section in _SECTIONS:
        for uid, node in (raw.get(section) or {}).items():
            if uid not in keys:
                continue
            kind = EdgeKind.TEST if node.get("resource_type") in ("test", "unit_test") else EdgeKind.DATA
            for parent in dict.fromkeys((node.get("depends_on") or {}).get("nodes") or ()):
                if parent in keys:
                    edges.append((parent, uid, kind))
                else:
                    missing.append((parent, uid))
    metadata = raw["metadata"]
    return ParsedManifest(
        project=str(metadata.get("project_name") or ""),
        dbt_version=str(metadata.get("dbt_version") or ""),
        adapter=str(metadata.get("adapter_type") or ""),
        assets=assets,
        edges=tuple(edges),
        hooks=tuple(asset.key for asset in assets if asset.kind is Kind.OPERATION),
        missing=tuple(missing),
        rendered=reader.rendered,
        session=context.session,
    )


_SECTIONS = ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests", "functions")
_WITH_CODE = (Kind.MODEL, Kind.SNAPSHOT, Kind.TEST)
_KINDS = {kind.value: kind for kind in Kind} | {"sql_operation": Kind.OPERATION, "unit test": Kind.UNIT_TEST}


class _Reader:
    """One pass over one manifest."""

    def __init__(self, raw: Mapping[str, Any], context: Context) -> None:
        self.raw = raw
        self.context = context
        self.macros = MacroIndex(raw.get("macros") or {})
        self.stock = StockMacros(self.macros, str(raw["metadata"].get("adapter_type") or "duckdb"))
        self.where_macros = tuple(uid for uid, macro in (raw.get("macros") or {}).items() if _WHERE_MACRO in str(macro.get("name")))
        groups = (raw.get("groups") or {}).values()
        self.simple = SimpleRenderer(raw, self.macros)
        self.simple_tests = TestRenderer(raw, self.macros, self.simple)
        self.rendered: dict[AssetKey, str] = {}
        self.relation_of = lru_cache(maxsize=None)(self._relation_of)
        self.unsteady = lru_cache(maxsize=None)(self._unsteady)
        self.group_owners = {group.get("name"): _owner(group.get("owner")) for group in groups}

    def assets(self) -> Iterator[Asset]:
        """Yield every enabled node of every section; dbt leaves disabled functions among the others."""
        for section in _SECTIONS:
            for uid, node in (self.raw.get(section) or {}).items():
                if (node.get("config") or {}).get("enabled") is not False:
                    yield self.asset(uid, node)

    def asset(self, uid: str, node: Mapping[str, Any]) -> Asset:
        """Read one node, whatever its resource type."""
        kind = _KINDS.get(str(node.get("resource_type")), Kind.ANALYSIS)
        config = node.get("config") or {}
        macros, opaque = self.macros_of(node)
        plain = config.get("materialized") in NATIVE_MATERIALIZATIONS or by_partitions(config)
        if kind is Kind.MODEL and plain and node.get("language") in (None, "sql"):
            query = self.simple.render(node)
            if query is not None:
                self.rendered[uid] = query
        elif kind is Kind.TEST:
            query = self.simple_tests.render(node)
            if query is not None:
                self.rendered[uid] = query
        jinja = self.jinja_of(node, macros)
        return Asset(
            key=uid,
            kind=kind,
            name=str(node.get("name") or ""),
            package=str(node.get("package_name") or ""),
            path=str(node.get("original_file_path") or ""),
            fqn=tuple(map(str, node.get("fqn") or ())),
            tags=_tags(kind, node, config),
            relation=_relation(kind, node),
            materialized=str(config.get("materialized") or ""),
            fingerprint=self.raw_fingerprint(node, config, macros, jinja),
            config_version=self.config_version(kind, node, config, jinja),
            language=str(node.get("language") or "sql"),
            description=str(node.get("description") or ""),
            owner=_owner(node.get("owner")) or self.group_owners.get(node.get("group") or config.get("group"), ""),
            group=str(node.get("group") or config.get("group") or ""),
            access=str(node.get("access") or ""),
            version=str(node.get("version") if node.get("version") is not None else ""),
            latest_version=str(node.get("latest_version") if node.get("latest_version") is not None else ""),
            patch_path=str(node.get("patch_path") or ""),
            config=config,
            columns=tuple(_columns(node)),
            obstacles=self.obstacles(kind, node, config, jinja),
            empty=kind in _WITH_CODE and not str(node.get("raw_code") or "").strip(),
            recompile=opaque or self.unsteady(uid),
            test=_test_spec(node, config) if kind is Kind.TEST else None,
            source=_source_spec(node, config) if kind is Kind.SOURCE else None,
        )

    def _unsteady(self, uid: str) -> bool:
        """Whether a node's Jinja, or that of an ephemeral model it takes in, may give another query though no file changed."""
        node = self.node(uid)
        jinja = self.jinja_of(node, self.macros_of(node)[0])
        if reads_the_world(jinja) or ("is_incremental" in jinja and names_volatile(jinja)):
            return True
        parents = (node.get("depends_on") or {}).get("nodes") or ()
        return any(_is_ephemeral(self.node(parent)) and self.unsteady(parent) for parent in parents)

    def node(self, uid: str) -> Mapping[str, Any]:
        """Return a node of any section, empty where there is none."""
        return next((found for section in _SECTIONS if (found := (self.raw.get(section) or {}).get(uid))), {})

    def jinja_of(self, node: Mapping[str, Any], macros: tuple[str, ...]) -> str:
        """Return the Jinja that makes a node's query: its own, and that of the macros people wrote."""
        return f"{node.get('raw_code') or ''}\n{self.macros.texts(macros)}"

    def macros_of(self, node: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
        """Return the macro closure of a node; the flag says that it names a macro the manifest does not hold."""
        roots = list((node.get("depends_on") or {}).get("macros") or ())
        known = self.raw.get("macros") or {}
        opaque = any(root not in known for root in roots)
        if node.get("test_metadata"):
            roots += self.where_macros
        roots += self.macros.called_in(str(node.get("raw_code") or ""))
        return self.macros.closure(roots), opaque

    def obstacles(self, kind: Kind, node: Mapping[str, Any], config: Mapping[str, Any], jinja: str) -> tuple[str, ...]:
        """Why the native executor leaves this node to dbt; empty where it does not."""
        if kind is Kind.MODEL:
            return model_obstacles(node, config, self.stock, jinja)
        if kind is Kind.TEST:
            return test_obstacles(config, self.stock)
        if kind in (Kind.SEED, Kind.SNAPSHOT):
            return (kind.value, *own_materialization(kind.value, self.stock))
        return (kind.value,) if kind is not Kind.SOURCE else ()

    def raw_fingerprint(self, node: Mapping[str, Any], config: Mapping[str, Any], macros: tuple[str, ...], jinja: str) -> str:
        """Hash everything that can change what this node builds, before any Jinja is rendered."""
        test = node.get("test_metadata") or {}
        late = "\n".join(texts_of([config.get("pre-hook"), config.get("post-hook"), test.get("kwargs")]))  # rendered when it runs
        jinja = f"{jinja}\n{late}"
        return fingerprint(
            {
                "version": RAW_FINGERPRINT_VERSION,
                "node": node.get("unique_id"),
                "code": node.get("raw_code"),
                "checksum": node.get("checksum"),
                "file": self.context.files.get(str(node.get("original_file_path"))) if node.get("resource_type") == "seed" else None,
                "fixtures": {path: found for path, found in self.context.files.items() if "/fixtures/" in path}
                if "given" in node
                else None,
                "config": {key: value for key, value in config.items() if key not in _FINGERPRINT_CONFIG_IGNORES},
                "meta_penstock": _own_meta(config),
                "described": [config.get("meta"), node.get("meta"), node.get("tags"), node.get("group"), node.get("description")]
                if _READS_ITSELF.search(jinja)
                else None,
                "session": self.context.session,
                "relation": node.get("relation_name"),
                "macros": [self.macros.text_digest(uid) for uid in macros],
                "vars": used_values(jinja, "var", self.context.vars),
                "env": used_values(jinja, "env_var", self.context.env),
                "target": self.context.target if "target" in jinja else "",
                "upstream": [self.relation_of(parent) for parent in (node.get("depends_on") or {}).get("nodes") or ()],
                "contract": node.get("contract"),
                "constraints": node.get("constraints"),
                "columns": [_column_contract(column) for column in (node.get("columns") or {}).values()]
                if (config.get("contract") or {}).get("enforced")
                else None,
                "test": {"kwargs": test.get("kwargs"), "column": node.get("column_name")} if test else None,
                "unit": {key: node.get(key) for key in ("given", "expect", "overrides", "model")} if "given" in node else None,
                "function": {key: node.get(key) for key in ("arguments", "returns")} if "returns" in node else None,
                "external": node.get("external") or _external_location(node, config),
            }
        )

    def config_version(self, kind: Kind, node: Mapping[str, Any], config: Mapping[str, Any], jinja: str) -> str:
        """Hash what can change a result without being in the compiled query; "" where more than both makes it.

        That is so for hooks, which are rendered when they run, for queries that depend on what stands already, for Jinja that
        sets the config while it is rendered, and for macros that replace dbt's own around the query.
        """
        sliced = config.get("materialized") == "incremental" and by_partitions(config) and not self.obstacles(kind, node, config, jinja)
        plain = kind is Kind.TEST or (kind is Kind.MODEL and (sliced or config.get("materialized") in NATIVE_MATERIALIZATIONS))
        if not plain or node.get("language") == "python" or config.get("pre-hook") or config.get("post-hook"):
            return ""
        if _SETS_CONFIG.search(jinja) or self.stock.overridden("test" if kind is Kind.TEST else str(config.get("materialized"))):
            return ""
        test = node.get("test_metadata") or {}
        return fingerprint(
            {
                "config": {key: value for key, value in config.items() if key not in _FINGERPRINT_CONFIG_IGNORES},
                **_slices(config),
                "session": self.context.session,
                "relation": node.get("relation_name"),
                "contract": (node.get("contract") or {}).get("enforced"),
                "constraints": node.get("constraints"),
                "columns": [_column_contract(column) for column in (node.get("columns") or {}).values()]
                if (config.get("contract") or {}).get("enforced")
                else None,
                "test": test.get("name"),
                "external": _external_location(node, config),
            }
        )

    def _relation_of(self, uid: str) -> str:
        """Return the relation a reference to `uid` renders to; an ephemeral model stands for its own code."""
        node = self.node(uid)
        if _is_ephemeral(node):
            macros, _ = self.macros_of(node)
            return self.raw_fingerprint(node, node["config"], macros, self.jinja_of(node, macros))
        return f"{uid}={node.get('relation_name')}{_external_location(node, node.get('config') or {})}" if node else uid


def _own_meta(config: Mapping[str, Any]) -> Any:
    """Return `meta.penstock` without what says when to build and what is looked at."""
    own = (config.get("meta") or {}).get("penstock")
    return {key: value for key, value in own.items() if key not in _WHEN_NOT_WHAT | _LOOKED_AT} or None if isinstance(own, dict) else own


def _slices(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `meta.penstock` says which rows a partition holds, and which it reads; empty where nothing does."""
    own = (config.get("meta") or {}).get("penstock")
    if not isinstance(own, dict) or not own.get("partitions"):
        return {}
    return {"slices": {"partitions": rows_by(own["partitions"]), "inputs": own.get("inputs")}}


def _is_ephemeral(node: Mapping[str, Any]) -> bool:
    return (node.get("config") or {}).get("materialized") == "ephemeral"


def _relation(kind: Kind, node: Mapping[str, Any]) -> RelationName | None:
    if kind not in (Kind.SOURCE, Kind.MODEL, Kind.SEED, Kind.SNAPSHOT, Kind.FUNCTION):
        return None
    if _is_ephemeral(node):
        return None
    identifier = node.get("identifier") or node.get("alias") or node.get("name")
    return RelationName(str(node.get("database") or ""), str(node.get("schema") or ""), str(identifier))


def _tags(kind: Kind, node: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tags dbt selects by: a unit test's are those of its config (one may be plain text), all others' their own."""
    found = config.get("tags") if kind is Kind.UNIT_TEST else node.get("tags")
    return (found,) if isinstance(found, str) else tuple(map(str, found or ()))


def _owner(owner: Any) -> str:
    if not isinstance(owner, Mapping):
        return ""
    email = owner.get("email")
    return str(owner.get("name") or (email[0] if isinstance(email, list) and email else email) or "")


def _columns(node: Mapping[str, Any]) -> Iterator[Column]:
    columns = node.get("columns") or {}
    if not isinstance(columns, Mapping):
        return
    for column in columns.values():
        required = any(one.get("type") == "not_null" for one in column.get("constraints") or ())
        yield Column(str(column.get("name")), str(column.get("data_type") or ""), str(column.get("description") or ""), required)


def _column_contract(column: Mapping[str, Any]) -> list[Any]:
    return [column.get("name"), column.get("data_type"), column.get("constraints"), column.get("quote")]


def _test_spec(node: Mapping[str, Any], config: Mapping[str, Any]) -> TestSpec:
    metadata = node.get("test_metadata") or {}
    return TestSpec(
        name=str(metadata.get("name") or ""),
        namespace=str(metadata.get("namespace") or ""),
        attached_node=str(node.get("attached_node") or ""),
        column=str(node.get("column_name") or ""),
        severity=str(config.get("severity") or "ERROR").upper(),
        fail_calc=str(config.get("fail_calc") or "count(*)"),
        warn_if=str(config.get("warn_if") or "!= 0"),
        error_if=str(config.get("error_if") or "!= 0"),
        limit=config.get("limit"),
    )


def _external_location(node: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    for place in (node.get("meta"), config.get("meta"), node.get("source_meta"), config):
        if isinstance(place, Mapping) and place.get("external_location"):
            return str(place["external_location"])
    return ""


def _source_spec(node: Mapping[str, Any], config: Mapping[str, Any]) -> SourceSpec:
    return SourceSpec(
        source_name=str(node.get("source_name") or ""),
        loader=str(node.get("loader") or ""),
        loaded_at_field=str(node.get("loaded_at_field") or config.get("loaded_at_field") or ""),
        loaded_at_query=str(node.get("loaded_at_query") or config.get("loaded_at_query") or ""),
        external_location=_external_location(node, config),
        freshness=node.get("freshness") or config.get("freshness") or {},
    )
