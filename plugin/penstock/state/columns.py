"""The columns that relations have, recorded once a run has built them; a row only for what changed.

What a build wrote carries its columns in its version, so that which relations changed is known without looking at any of them; a
run that died before it got here is made up for by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from penstock.assets.names import AssetKey
from penstock.compiler.content import Columns
from penstock.state.store import Statements


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One row of `relation_column`: a column as it is now or, if it is gone, as it was."""

    run_id: str
    asset: AssetKey
    column: str
    data_type: str
    position: int
    removed: bool


def record_columns(sql: Statements, columns_of: Callable[[Iterable[AssetKey]], Mapping[AssetKey, Columns]]) -> None:
    """Append what changed since the last recording; `columns_of` gives the columns, in order, of relations that stand."""
    runs: dict[AssetKey, str] = dict(sql.run("columns_to_record"))
    if not runs:
        return
    recorded: dict[AssetKey, list[tuple[str, str]]] = {}
    for asset, column, data_type in sql.run("recorded_relation_columns", {"assets": list(runs)}):
        recorded.setdefault(asset, []).append((column, data_type))
    standing = columns_of(runs)
    rows = [row for asset, columns in standing.items() for row in changed_columns(runs[asset], asset, recorded.get(asset, ()), columns)]
    if rows:
        values = {
            "runs": [row.run_id for row in rows],
            "assets": [row.asset for row in rows],
            "columns": [row.column for row in rows],
            "data_types": [row.data_type for row in rows],
            "positions": [row.position for row in rows],
            "removed": [row.removed for row in rows],
        }
        sql.run("insert_relation_columns", values)


def changed_columns(run_id: str, asset: AssetKey, before: Iterable[tuple[str, str]], now: Columns) -> Iterator[ColumnRow]:
    """Yield a row for each column that is new, has another type or place, or is gone."""
    known = {name: (place, kind) for place, (name, kind) in enumerate(before)}
    for place, (name, kind) in enumerate(now):
        if known.pop(name, None) != (place, kind):
            yield ColumnRow(run_id, asset, name, kind, place, removed=False)
    yield from (ColumnRow(run_id, asset, name, kind, place, removed=True) for name, (place, kind) in known.items())
