"""Definitions as rows: what `state:` compares with when there is no folder of artifacts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from typing import Any

from penstock.assets.contract import NO_CONTRACT, Contract, ContractColumn
from penstock.assets.definition import Definition, Definitions, Macro
from penstock.assets.names import AssetKey
from penstock.errors import SelectionError
from penstock.state.store import Statements

_MACRO = "macro"
_COLUMNS = (
    "assets", "kinds", "bodies", "configs", "relations", "descriptions", "column_descriptions", "contents", "contracts",
)  # fmt: skip
_WORDS = {"failed": "error", "crashed": "error", "cancelled": "skipped", "unfinished": "skipped"}
"""Penstock's words for how an attempt ended as dbt's for how a node did; the others are the same."""


def record_definitions(statements: Statements, run_id: str, definitions: Definitions) -> None:
    """Append what differs from the last recording, inside whatever transaction is open."""
    recorded = {row[0]: row for row in statements.run("definitions_as_of", {"run_id": ""})}
    current = {row[0]: row for row in _rows(definitions)}
    rows = [(*row, False) for key, row in current.items() if recorded.get(key) != row]
    rows += [(*row, True) for key, row in recorded.items() if key not in current]
    if rows:
        columns = zip((*_COLUMNS, "removed"), zip(*rows, strict=True), strict=True)
        statements.run("insert_definitions", {"run_id": run_id, **{name: list(values) for name, values in columns}})


def definitions_as_of(statements: Statements, run_id: str) -> Definitions:
    """Return what a run saw. Raises SelectionError where nothing was recorded by then."""
    nodes: dict[AssetKey, Definition] = {}
    macros: dict[str, Macro] = {}
    for asset, kind, body, configs, relation, description, columns, contents, contract in statements.run(
        "definitions_as_of", {"run_id": run_id}
    ):
        if kind == _MACRO:
            macros[asset] = Macro(body)
        else:
            nodes[asset] = Definition(
                key=asset, kind=kind, body=body, configs=configs, relation=relation, described=(description, columns),
                contents=contents, contract=_contract_of(contract),
            )  # fmt: skip
    if not nodes:
        raise SelectionError(f"run {run_id} recorded no definitions: an older Penstock made it", hint="Give a folder: --state DIR.")
    return Definitions(nodes, macros)


def statuses_of(statements: Statements, run_id: str) -> Mapping[AssetKey, Collection[str]]:
    """Return how each asset ended in a run, in dbt's words; where partitions ended both ways, `partial success`."""
    found: dict[AssetKey, set[str]] = {}
    for asset, decision, status in statements.run("statuses_of", {"run_id": run_id}):
        word = "skipped" if decision == "BLOCKED" else _WORDS.get(status, str(status))
        found.setdefault(asset, set()).add(word)
    return {asset: {"partial success"} if words == {"success", "error"} else words for asset, words in found.items()}


def fresher_since(statements: Statements, run_id: str) -> Collection[AssetKey]:
    """Return what holds other content by now than when a run ended, as far as recorded."""
    return frozenset(row[0] for row in statements.run("fresher_since", {"run_id": run_id}))


def _rows(definitions: Definitions) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            node.key, node.kind, node.body or "", node.configs or "", node.relation or "", *(node.described or ("", "")),
            node.contents, _contract_text(node.contract),
        )
        for node in definitions.nodes.values()
    ]  # fmt: skip
    return rows + [(uid, _MACRO, macro.body, "", "", "", "", "", "") for uid, macro in definitions.macros.items()]


def _contract_text(contract: Contract | None) -> str:
    if contract is None or not contract.enforced:
        return ""
    return json.dumps(dataclasses.asdict(contract), sort_keys=True, separators=(",", ":"), default=str)


def _contract_of(text: str) -> Contract:
    if not text:
        return NO_CONTRACT
    raw: dict[str, Any] = json.loads(text)
    columns = {
        key: ContractColumn(column["name"], column["data_type"], tuple(column["constraints"])) for key, column in raw["columns"].items()
    }
    return Contract(**{**raw, "columns": columns, "constraints": tuple(raw["constraints"])})
