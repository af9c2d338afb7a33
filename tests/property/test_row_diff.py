"""Row differences are what a full outer join in Python finds: NULLs, other types, hostile names, keys that are not unique, slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.assets.names import quote
from penstock.compiler.row_diff import (
    RowComparison,
    bag_samples,
    bags_query,
    duplicates_query,
    keyed_query,
    keyed_samples,
    shared_columns,
    slices_query,
)

NAMES = ('k"; drop table base; --', "select", "Größe", "day")
TYPES = ("integer", "varchar", "double", "date")
Rows = list[tuple[object, ...]]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def value(chance: Random, kind: str) -> object:
    if chance.random() < 0.15:
        return None
    values = {
        "integer": [0, 1, 2, 3],
        "varchar": ["", "a", "NULL", "n"],
        "double": [0.0, 1.5, float("inf")],
        "date": ["2026-01-01", "2026-01-02", "2026-02-01"],
    }
    return chance.choice(values[kind])


def tables(chance: Random) -> tuple[Rows, Rows]:
    """Draw rows for the base, and rows of the head that resemble them."""
    base = [tuple(value(chance, kind) for kind in TYPES) for _ in range(chance.randint(0, 8))]
    head = [row for row in base if chance.random() < 0.8]
    head = [tuple(value(chance, kind) if chance.random() < 0.15 else one for one, kind in zip(row, TYPES, strict=True)) for row in head]
    head += [tuple(value(chance, kind) for kind in TYPES) for _ in range(chance.randint(0, 3))]
    chance.shuffle(head)
    return base, head


def fill(connection: duckdb.DuckDBPyConnection, name: str, rows: Rows, types: tuple[str, ...] = TYPES) -> None:
    columns = ", ".join(f"{quote(column)} {kind}" for column, kind in zip(NAMES, types, strict=True))
    connection.execute(f"create or replace table {name} ({columns})")
    if rows:
        connection.executemany(f"insert into {name} values (?, ?, ?, ?)", rows)


def comparison(key: tuple[int, ...] = (), by: int | None = None, grain: str = "") -> RowComparison:
    columns = list(zip(NAMES, map(str.upper, TYPES), strict=True))
    return RowComparison("base", "head", shared_columns(columns, columns), key, by, grain)


def run(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[object, ...]]:
    return connection.execute(sql).fetchall()


def differing(connection: duckdb.DuckDBPyConnection, compared: RowComparison) -> tuple[list[str], int]:
    """Return the slices that differ, and the rows of the others."""
    found = run(connection, slices_query(compared))
    return [str(name) for name, _, _, same in found if not same], sum(int(rows) for _, _, rows, same in found if same)


@given(seed=st.integers(0, 10**9), key=st.sampled_from([(0,), (0, 1), (3, 0)]), by=st.sampled_from([None, 3, 1]))
@settings(max_examples=60, deadline=None)
def test_a_comparison_by_key_is_a_full_outer_join(
    connection: duckdb.DuckDBPyConnection, seed: int, key: tuple[int, ...], by: int | None
) -> None:
    chance = Random(seed)
    base, head = ({tuple(row[place] for place in key): row for row in rows} for rows in tables(chance))
    fill(connection, "base", list(base.values()))
    fill(connection, "head", list(head.values()))
    compared = comparison(key, by, "month" if by == 3 else "")
    assert run(connection, duplicates_query(compared)) == [(0, 0)]
    slices, same = differing(connection, compared)
    added, removed, changed, kept, *each = run(connection, keyed_query(compared, slices))[0]
    both = base.keys() & head.keys()
    assert (added, removed) == (len(head.keys() - base.keys()), len(base.keys() - head.keys()))
    assert changed == sum(base[one] != head[one] for one in both)
    assert kept + same == sum(base[one] == head[one] for one in both)
    assert each == [sum(base[one][place] != head[one][place] for one in both) for place in compared.values]
    assert run(connection, keyed_query(compared))[0][:3] == (
        len(head.keys() - base.keys()), len(base.keys() - head.keys()), sum(base[one] != head[one] for one in both),
    )  # fmt: skip
    samples = Counter(row[0] for row in run(connection, keyed_samples(compared, 2, (), slices)))
    assert samples == Counter(
        {kind: min(2, count) for kind, count in (("added", added), ("removed", removed), ("changed", changed)) if count}
    )


@given(seed=st.integers(0, 10**9), by=st.sampled_from([None, 3, 1]))
@settings(max_examples=40, deadline=None)
def test_without_a_key_bags_of_rows_are_compared(connection: duckdb.DuckDBPyConnection, seed: int, by: int | None) -> None:
    base, head = tables(Random(seed))
    fill(connection, "base", base)
    fill(connection, "head", head)
    compared = comparison((), by)
    slices, same = differing(connection, compared)
    ours, theirs = Counter(base), Counter(head)
    added, removed, kept = run(connection, bags_query(compared, slices))[0]
    assert (added, removed, kept + same) == ((theirs - ours).total(), (ours - theirs).total(), (ours & theirs).total())
    kinds = {row[0] for row in run(connection, bag_samples(compared, 3, (), slices))}
    assert kinds == {kind for kind, count in (("added", added), ("removed", removed)) if count}


def test_keys_that_stand_in_several_rows_are_counted_on_each_side(connection: duckdb.DuckDBPyConnection) -> None:
    row = (1, "a", 1.5, "2026-01-01")
    fill(connection, "base", [row, row, (None, "b", 0.0, None), (None, "c", 0.0, None)])
    fill(connection, "head", [row, row, row])
    assert run(connection, duplicates_query(comparison((0,)))) == [(2, 1)]


def test_numbers_of_other_types_are_equal_and_other_types_are_compared_as_text(connection: duckdb.DuckDBPyConnection) -> None:
    fill(connection, "base", [(1, "7", 1.5, "2026-01-01"), (2, "8", 1.5, "2026-01-01")])
    fill(connection, "head", [(1, 7, 1.5, "2026-01-01"), (2, 9, 1.5, "2026-01-01")], ("bigint", "integer", "double", "timestamp"))
    base = list(zip(NAMES, ("INTEGER", "VARCHAR", "DOUBLE", "DATE"), strict=True))
    head = list(zip(NAMES, ("BIGINT", "INTEGER", "DOUBLE", "TIMESTAMP"), strict=True))
    columns = shared_columns(base, head)
    assert [column.cast for column in columns] == ["", "varchar", "", "varchar"]
    compared = RowComparison("base", "head", columns[:3], (0,))
    assert run(connection, keyed_query(compared)) == [(0, 0, 1, 1, 1, 0)]


def test_only_slices_that_differ_are_looked_at(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [(number, "a", 1.5, f"2026-0{month}-01") for month in (1, 2, 3) for number in (month, month + 10)]
    fill(connection, "base", rows)
    fill(connection, "head", [*rows[:4], (3, "b", 1.5, "2026-03-01"), rows[5]])
    compared = comparison((0,), 3, "month")
    assert differing(connection, compared) == (["v2026-03-01 00:00:00"], 4)
    assert run(connection, keyed_query(compared, ["v2026-03-01 00:00:00"])) == [(0, 0, 1, 1, 1, 0, 0)]


def test_what_is_masked_is_not_in_the_samples(connection: duckdb.DuckDBPyConnection) -> None:
    fill(connection, "base", [(1, "secret one", 1.5, None)])
    fill(connection, "head", [(1, "secret two", 2.5, None)])
    rows = run(connection, keyed_samples(comparison((0,)), 5, ["SELECT"])) + run(connection, bag_samples(comparison(), 5, ["select"]))
    assert "secret" not in repr(rows)
    assert rows[0] == ("changed", "1", "1", "***", "***", "1.5", "2.5", None, None)


def test_columns_are_paired_whatever_their_case() -> None:
    (found,) = shared_columns([("Amount", "INTEGER"), ("gone", "DATE")], [("amount", "INTEGER"), ("new", "DATE")])
    assert (found.base, found.head, found.cast) == ("Amount", "amount", "")


def test_relations_without_a_common_column_are_compared_by_their_number_of_rows(connection: duckdb.DuckDBPyConnection) -> None:
    fill(connection, "base", [(1, "a", 1.5, None)])
    fill(connection, "head", [(1, "a", 1.5, None), (2, "a", 1.5, None)])
    assert run(connection, bags_query(RowComparison("base", "head", ()))) == [(1, 0, 1)]
