"""Small manifests made by hand, as dbt writes them."""

from __future__ import annotations

import copy
from typing import Any

from penstock.assets.asset import Asset
from penstock.parser.manifest import Context, ParsedManifest, parse_manifest

Json = dict[str, Any]


def model(name: str, code: str = "select 1", *parents: str, macros: tuple[str, ...] = (), materialized: str = "view", **more: Any) -> Json:
    """Return a model's node; keys of `more` replace whole entries, `config` is merged."""
    config = {"materialized": materialized, "enabled": True, "tags": [], "meta": {}, **more.pop("config", {})}
    return {
        "resource_type": "model", "unique_id": f"model.shop.{name}", "name": name, "package_name": "shop", "language": "sql",
        "original_file_path": f"models/{name}.sql", "path": f"{name}.sql", "fqn": ["shop", name], "alias": name,
        "database": "db", "schema": "main", "relation_name": None if materialized == "ephemeral" else f'"db"."main"."{name}"',
        "raw_code": code, "checksum": {"name": "sha256", "checksum": "c"}, "tags": [], "meta": {}, "description": "", "columns": {},
        "depends_on": {"nodes": list(parents), "macros": list(macros)}, "config": config, **more,
    }  # fmt: skip


def seed(name: str, **more: Any) -> Json:
    """Return a seed's node."""
    node = model(name, "", materialized="seed", **more)
    return {**node, "resource_type": "seed", "unique_id": f"seed.shop.{name}", "original_file_path": f"seeds/{name}.csv"}


def data_test(name: str, *parents: str, kwargs: Json | None = None, config: Json | None = None, **more: Any) -> Json:
    """Return a generic test's node."""
    node = model(name, "{{ test_not_null(**_dbt_generic_test_kwargs) }}", *parents, materialized="test", config=config or {})
    metadata = {"name": "not_null", "namespace": None, "kwargs": kwargs or {"column_name": "id"}}
    return {
        **node, "resource_type": "test", "unique_id": f"test.shop.{name}", "test_metadata": metadata, "column_name": "id",
        "attached_node": parents[0] if parents else None, **more,
    }  # fmt: skip


def source(name: str = "orders", **more: Any) -> Json:
    """Return the entry of a source table."""
    return {
        "resource_type": "source", "unique_id": f"source.shop.raw.{name}", "name": name, "source_name": "raw", "package_name": "shop",
        "identifier": name, "database": "db", "schema": "raw", "relation_name": f'"db"."raw"."{name}"', "tags": [], "meta": {},
        "original_file_path": "models/sources.yml", "fqn": ["shop", "raw", name], "config": {"enabled": True}, "columns": {}, **more,
    }  # fmt: skip


def macro(name: str, text: str = "", *calls: str, package: str = "shop") -> Json:
    """Return a macro; `calls` are unique ids."""
    return {
        "unique_id": f"macro.{package}.{name}", "name": name, "package_name": package, "depends_on": {"macros": list(calls)},
        "macro_sql": text or f"{{% macro {name}() %}}1{{% endmacro %}}",
    }  # fmt: skip


def manifest(*nodes: Json, macros: tuple[Json, ...] = (), version: int = 12, **sections: Any) -> Json:
    """Return a manifest; sources go to their own section."""
    url = f"https://schemas.getdbt.com/dbt/manifest/v{version}.json"
    return copy.deepcopy(
        {
            "metadata": {"dbt_schema_version": url, "project_name": "shop", "dbt_version": "1.11.0", "adapter_type": "duckdb"},
            "nodes": {node["unique_id"]: node for node in nodes if node["resource_type"] != "source"},
            "sources": {node["unique_id"]: node for node in nodes if node["resource_type"] == "source"},
            "macros": {one["unique_id"]: one for one in macros},
            **sections,
        }
    )


def parse(raw: Json, **context: Any) -> ParsedManifest:
    """Parse a manifest in a context given by keywords."""
    return parse_manifest(raw, Context(**context))


def asset(raw: Json, key: str, **context: Any) -> Asset:
    """Parse a manifest and return one asset."""
    return next(one for one in parse(raw, **context).assets if one.key == key)
