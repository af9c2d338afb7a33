"""From a manifest to what dbt compares of its nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from penstock.assets.contract import NO_CONTRACT, Contract, ContractColumn
from penstock.assets.definition import UNCOMPARABLE, Definition, Definitions, Macro
from penstock.assets.fingerprint import digest

Node = Mapping[str, Any]

_NOT_COMPARED = frozenset({"alias", "schema", "database", "tags", "group"})
"""Config keys of nodes that dbt leaves out of a comparison: the first three count as the relation."""

_RELATION_KEYS = ("database", "schema", "alias")
_TEST_KEYS = (
    "severity", "where", "limit", "fail_calc", "warn_if", "error_if", "store_failures", "store_failures_as", "sql_header",
)  # fmt: skip
_MODEL_KEYS = ("latest_version", "access", "deprecation_date")
_SOURCE_KEYS = ("quoting", "freshness", "loaded_at_field", "external")
_EXPOSURE_KEYS = ("fqn", "type", "owner", "maturity", "url", "description", "label")
_METRIC_KEYS = ("type", "description", "label")
_SEMANTIC_MODEL_KEYS = ("model", "description", "defaults", "entities", "dimensions", "measures", "primary_entity", "group")
_SAVED_QUERY_KEYS = ("description", "label", "group", "tags")
_QUERY_KEYS = ("metrics", "group_by", "where")
_EXPORT_KEYS = ("export_as", "schema", "alias")


def read_definitions(raw: Mapping[str, Any], *, unrendered_sources: bool) -> Definitions:
    """Read what dbt compares; `unrendered_sources` is its flag `state_modified_compare_more_unrendered_values`.

    The other flag, `state_modified_compare_vars`, changes nothing in dbt-core 1.10 to 1.12.
    """
    nodes: dict[str, Definition] = {}
    for section, read in _READERS.items():
        nodes |= {uid: read(uid, node) for uid, node in (raw.get(section) or {}).items()}
    nodes |= {uid: _source(uid, node, unrendered_sources) for uid, node in (raw.get("sources") or {}).items()}
    return Definitions(
        nodes=nodes,
        macros={uid: Macro(_hash(macro.get("macro_sql") or ""), _macros(macro)) for uid, macro in (raw.get("macros") or {}).items()},
        disabled={
            uid: _parsed(uid, versions[0])
            for uid, versions in (raw.get("disabled") or {}).items()
            if versions and versions[0].get("resource_type") == "model"
        },
    )


def _parsed(uid: str, node: Node) -> Definition:
    """Read what dbt keeps under `nodes`, and functions, which are built like them."""
    kind = str(node.get("resource_type"))
    config = node.get("unrendered_config") or {}
    persists = (node.get("config") or {}).get("persist_docs") or {}
    body = _seed_body(node) if kind == "seed" else _hash(node.get("raw_code", node.get("raw_sql")))
    configs = _hash(_present(config, _TEST_KEYS) if kind == "test" else _without(config, _NOT_COMPARED))
    relation = _hash(_picked(config, _RELATION_KEYS))
    compared = [configs, node.get("fqn")]
    if not node.get("test_metadata"):
        compared += [body, relation, _own_parts(kind, node)]
    return Definition(
        key=uid,
        kind=kind,
        body=body,
        configs=configs,
        relation=relation,
        described=(_hash(node.get("description") or ""), _hash(_column_descriptions(node))),
        persists=(bool(persists.get("relation")), bool(persists.get("columns"))),
        contract=_contract(node) if kind == "model" else NO_CONTRACT,
        contents=UNCOMPARABLE if body == UNCOMPARABLE else _hash(compared),
        macros=_macros(node),
    )


def _own_parts(kind: str, node: Node) -> Any:
    if kind == "model":
        return _picked(node, _MODEL_KEYS)
    if kind == "function":
        overloads = [[one.get(key) for key in ("defined_in", "arguments", "returns", "raw_body")] for one in node.get("overloads") or ()]
        return [node.get("arguments"), node.get("returns"), overloads]
    return None


def _seed_body(node: Node) -> str:
    checksum = node.get("checksum") or {}
    return UNCOMPARABLE if checksum.get("name") in (None, "none") else _hash([checksum.get("name"), checksum.get("checksum")])


def _column_descriptions(node: Node) -> dict[str, str]:
    return {name: column.get("description") or "" for name, column in (node.get("columns") or {}).items()}


def _contract(node: Node) -> Contract:
    contract = node.get("contract") or {}
    version = node.get("version")
    if not contract.get("enforced"):
        return NO_CONTRACT if version is None else Contract(version=str(version))
    return Contract(
        enforced=True,
        checksum=str(contract.get("checksum") or ""),
        materialized=str((node.get("config") or {}).get("materialized") or ""),
        version="" if version is None else str(version),
        deprecation_date=str(node.get("deprecation_date") or ""),
        columns={
            name: ContractColumn(str(column.get("name")), column.get("data_type"), tuple(column.get("constraints") or ()))
            for name, column in (node.get("columns") or {}).items()
        },
        constraints=tuple(node.get("constraints") or ()),
    )


def _source(uid: str, node: Node, unrendered: bool) -> Definition:
    prefix = "unrendered_" if unrendered else ""
    configs = _unrendered(node)
    relation = _hash([node.get(f"{prefix}database"), node.get(f"{prefix}schema"), node.get("identifier")])
    contents = _hash([configs, relation, node.get("fqn"), _picked(node, _SOURCE_KEYS)])
    return Definition(key=uid, kind="source", configs=configs, relation=relation, contents=contents, quiet_when_new=True)


def _exposure(uid: str, node: Node) -> Definition:
    parents = sorted(set((node.get("depends_on") or {}).get("nodes") or ()))
    return _yaml_only(uid, node, _unrendered(node), [_picked(node, _EXPOSURE_KEYS), parents])


def _metric(uid: str, node: Node) -> Definition:
    return _yaml_only(uid, node, _unrendered(node, {"group"}), _picked(node, _METRIC_KEYS))


def _semantic_model(uid: str, node: Node) -> Definition:
    return _yaml_only(uid, node, _hash(node.get("config")), _picked(node, _SEMANTIC_MODEL_KEYS))


def _saved_query(uid: str, node: Node) -> Definition:
    query = node.get("query_params") or {}
    exports = [[one.get("name"), _picked(one.get("unrendered_config") or {}, _EXPORT_KEYS)] for one in node.get("exports") or ()]
    return _yaml_only(uid, node, _hash(node.get("config")), [_picked(node, _SAVED_QUERY_KEYS), _picked(query, _QUERY_KEYS), exports])


def _yaml_only(uid: str, node: Node, configs: str, compared: Any) -> Definition:
    kind = str(node.get("resource_type"))
    contents = _hash([configs, compared])
    return Definition(key=uid, kind=kind, configs=configs, contents=contents, quiet_when_new=True, macros=_macros(node))


def _unit_test(uid: str, node: Node) -> Definition:
    return Definition(key=uid, kind="unit_test", contents=_hash(node.get("checksum")), macros=_macros(node))


_READERS: Mapping[str, Callable[[str, Node], Definition]] = {
    "nodes": _parsed,
    "functions": _parsed,
    "exposures": _exposure,
    "metrics": _metric,
    "semantic_models": _semantic_model,
    "saved_queries": _saved_query,
    "unit_tests": _unit_test,
}


def _macros(node: Node) -> tuple[str, ...]:
    depends = node.get("depends_on") or {}
    return tuple(uid for uid in depends.get("macros") or () if uid)


def _unrendered(node: Node, leave: Iterable[str] = ()) -> str:
    return _hash(_without(node.get("unrendered_config") or {}, leave))


def _without(config: Mapping[str, Any], leave: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in leave}


def _present(config: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: config[key] for key in keys if key in config}


def _picked(node: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: node.get(key) for key in keys}


def _hash(value: Any) -> str:
    return digest(value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"), default=str))
