"""A model's enforced contract, and what of it a change breaks; source: `ModelNode.same_contract` of dbt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from penstock.assets.asset import Asset, Column
from penstock.errors import ContractError

_ENFORCED_TYPES = frozenset({"check", "not_null", "unique", "primary_key", "foreign_key"})
"""Constraints that DuckDB and Postgres enforce; a `custom` one is only text."""

_HOLDS_CONSTRAINTS = ("table", "incremental")


@dataclass(frozen=True, slots=True)
class ContractColumn:
    """One column of a contract; `constraints` are dbt's own mappings."""

    name: str
    data_type: str | None
    constraints: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """A model's contract; one that is not enforced has no checksum and no columns worth comparing."""

    enforced: bool = False
    checksum: str = ""
    materialized: str = ""
    version: str = ""
    deprecation_date: str = ""
    columns: Mapping[str, ContractColumn] = field(default_factory=dict)
    constraints: tuple[Mapping[str, Any], ...] = ()

    def same(self, old: Contract) -> bool:
        """Tell whether nothing of it differs; two that are not enforced are the same."""
        return self.enforced == old.enforced and (not self.enforced or self.checksum == old.checksum)

    def breaks(self, key: str, old: Contract) -> str:
        """Say what of an old contract this one breaks, "" where nothing. Raises ContractError for a versioned model."""
        if not old.enforced or self.same(old):
            return ""
        return self._report(key, list(self._breaking_changes(old)))

    def removed(self, key: str, now: datetime, *, disabled: bool) -> str:
        """Say that a model with an enforced contract is gone, "" where that is no break: not enforced, or past its date."""
        if not self.enforced or (self.deprecation_date and datetime.fromisoformat(self.deprecation_date) < now):
            return ""
        return self._report(key, [f"the model was {'disabled' if disabled else 'deleted or renamed'}"])

    def _report(self, key: str, changes: list[str]) -> str:
        if not changes:
            return ""
        text = f"the contract of {key} is broken: {'; '.join(changes)}"
        if self.version:
            raise ContractError(text)
        return text

    def _breaking_changes(self, old: Contract) -> Iterator[str]:
        if not self.enforced:
            yield "it is not enforced any more"
        for key, column in sorted(old.columns.items()):
            mine = self.columns.get(key)
            if mine is None:
                yield f"column {column.name} was removed"
            elif _base_type(mine.data_type) != _base_type(column.data_type):
                yield f"column {column.name} changed its type from {column.data_type} to {mine.data_type}"
            if mine is not None and old._holds_constraints:
                lost = (one for one in column.constraints if one not in mine.constraints and one.get("type") in _ENFORCED_TYPES)
                yield from (f"column {column.name} lost the constraint {one.get('name') or one.get('type')}" for one in lost)
        if old._holds_constraints:
            gone = (one for one in old.constraints if one not in self.constraints and one.get("type") in _ENFORCED_TYPES)
            yield from (f"the constraint {one.get('name') or one.get('type')} was removed" for one in gone)
            constrained = old.constraints or any(column.constraints for column in old.columns.values())
            if constrained and not self._holds_constraints:
                yield f"its materialization changed from {old.materialized} to {self.materialized}, which holds no constraints"

    @property
    def _holds_constraints(self) -> bool:
        return self.materialized in _HOLDS_CONSTRAINTS


NO_CONTRACT = Contract()


def _base_type(data_type: str | None) -> str:
    """Return a type without length, precision and scale: a change of those breaks nothing."""
    return (data_type or "").partition("(")[0].strip().lower()


def agreed_columns(asset: Asset) -> tuple[Column, ...]:
    """Return the columns of a model's enforced contract in order, none where it has no such contract."""
    contract = asset.config.get("contract")
    return asset.columns if isinstance(contract, Mapping) and contract.get("enforced") else ()
