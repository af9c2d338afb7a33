"""What a query gives is compared with its contract as dbt does it: by name and type, in any order, and no more of them than agreed."""

from __future__ import annotations

import pytest
from penstock.assets.asset import Column
from penstock.compiler.agreed import broken_contract, columns_query, in_agreed_order
from penstock.warehouse.duckdb import DuckDBWarehouse

AGREED = (("id", "INTEGER"), ("name", "VARCHAR"))


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ([("id", "INTEGER"), ("name", "VARCHAR")], []),
        ([("name", "VARCHAR"), ("id", "INTEGER")], []),
        ([("id", "INTEGER")], ["name: missing in the query, VARCHAR in the contract"]),
        ([*AGREED, ("more", "DATE")], ["more: DATE in the query, missing in the contract"]),
        ([("id", "BIGINT"), ("name", "VARCHAR")], ["id: BIGINT in the query, INTEGER in the contract"]),
        ([("ID", "INTEGER"), ("name", "VARCHAR")], ["ID: INTEGER in the query, missing in the contract", "id: missing in the query, INTEGER in the contract"]),
        ([], ["id: missing in the query, INTEGER in the contract", "name: missing in the query, VARCHAR in the contract"]),
    ],
)  # fmt: skip
def test_each_difference_is_told(given: list[tuple[str, str]], lines: list[str]) -> None:
    said = broken_contract(given, AGREED)
    assert said.splitlines()[1:] == lines
    assert bool(said) == bool(lines)


def test_the_database_itself_says_what_types_mean() -> None:
    connection = DuckDBWarehouse.in_memory().connect()
    agreed = (Column("b", "text"), Column('odd "name"', "int8[]"))
    rows = connection.execute(columns_query('select [1]::bigint[] as "odd ""name""", \'x\' as b -- the end', agreed))
    assert sorted(rows) == [
        (False, "b", "VARCHAR"),
        (False, 'odd "name"', "BIGINT[]"),
        (True, "b", "VARCHAR"),
        (True, 'odd "name"', "BIGINT[]"),
    ]


def test_a_table_gets_the_contracts_order() -> None:
    connection = DuckDBWarehouse.in_memory().connect()
    assert connection.execute(in_agreed_order("select 1 as a, 2 as b -- the end", (Column("b"), Column("a")))) == [(2, 1)]
    assert in_agreed_order("select 1", ()) == "select 1"
