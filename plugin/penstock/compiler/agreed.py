"""An enforced contract as SQL: the same comparison that dbt makes, and the query in the contract's order.

Source: dbt's `assert_columns_equivalent` and `get_select_subquery`. Columns are compared by name, in the case that they are written in,
and by type as DuckDB calls it, whatever their order; a table gets the contract's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.assets.asset import Column
from penstock.assets.names import RelationName, quote
from penstock.compiler.content import Columns

_FAILED = "the contract is enforced, and what the query gives does not match it"


def columns_query(query: str, agreed: Sequence[Column]) -> str:
    """Return the query for whether a column is agreed, its name and its type: those of a query, and those of its contract."""
    nothing = ", ".join(f"cast(null as {column.data_type}) as {quote(column.name)}" for column in agreed)
    return (
        "select false, column_name, column_type "
        f"from (describe select * from (\n{query}\n) as penstock_rows where false limit 0) "
        f"union all select true, column_name, column_type from (describe select {nothing})"
    )


def in_agreed_order(query: str, agreed: Sequence[Column]) -> str:
    """Return a query for the columns of a contract, in its order; the query as it is without a contract."""
    names = ", ".join(quote(column.name) for column in agreed)
    return f"select {names} from (\n{query}\n) as penstock_rows" if agreed else query


def require_values(relation: RelationName, agreed: Sequence[Column]) -> tuple[str, ...]:
    """Return what refuses NULLs in a table that was just made, for each column whose contract does; DuckDB names the first that has one."""
    return tuple(f"alter table {relation.sql} alter column {quote(column.name)} set not null" for column in agreed if column.not_null)


def broken_contract(given: Columns, agreed: Columns) -> str:
    """Say what of a contract is broken, each column in a line; empty where nothing is."""
    kinds = dict(agreed)
    fits = len(given) == len(agreed) and all(kinds.get(name) == kind for name, kind in given)
    return "" if fits else "\n".join([_FAILED, *sorted(_differences(dict(given), kinds))])


def _differences(given: dict[str, str], agreed: dict[str, str]) -> Iterator[str]:
    for name, kind in given.items():
        if name not in agreed:
            yield f"{name}: {kind} in the query, missing in the contract"
        elif agreed[name] != kind:
            yield f"{name}: {kind} in the query, {agreed[name]} in the contract"
    yield from (f"{name}: missing in the query, {kind} in the contract" for name, kind in agreed.items() if name not in given)
