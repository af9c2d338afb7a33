"""Equal bags of rows have equal versions, different ones do not, for whole tables and for some columns of them: Python is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.compiler.content import content_query

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BIGINT": st.integers(-3, 3) | st.sampled_from([2**62, -(2**62)]),
    "HUGEINT": st.integers(-2, 2) | st.just(2**126),
    "DOUBLE": st.sampled_from([0.0, -0.0, 1.0, 0.1, float("inf"), float("nan")]),
    "VARCHAR": st.text("ab, '[]{}\\\"", max_size=3) | st.sampled_from(["NULL", "é", "e\u0301"]),
    "DECIMAL(9,2)": st.sampled_from([Decimal("0.00"), Decimal("0.10"), Decimal("-0.10"), Decimal("1234567.89")]),
    "DATE": st.dates(date(2024, 2, 28), date(2024, 3, 1)),
    "TIMESTAMP": st.datetimes(datetime(2024, 2, 29), datetime(2024, 2, 29, 0, 0, 0, 3)),
    "BLOB": st.binary(max_size=2),
    "BOOLEAN": st.booleans(),
    "INTERVAL": st.sampled_from([timedelta(days=1), timedelta(hours=24), timedelta(0), timedelta(seconds=1)]),
    "VARCHAR[]": st.lists(st.none() | st.sampled_from(["a", "a, b", "", "NULL", "'a'"]), max_size=2),
    "DOUBLE[]": st.lists(st.none() | st.sampled_from([0.0, -0.0, 1.0]), max_size=2),
    "STRUCT(a BIGINT, b DOUBLE)": st.fixed_dictionaries({"a": st.none() | st.integers(0, 1), "b": st.sampled_from([0.0, -0.0, None])}),
}
Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]


@st.composite
def tables(draw: Any) -> Table:
    """Draw types of one to three columns, and a few rows."""
    kinds = tuple(draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3)))
    return kinds, draw(rows_of(kinds))


def rows_of(kinds: Sequence[str]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    return st.lists(st.tuples(*(st.none() | VALUES[kind] for kind in kinds)), max_size=4)


def versions(kinds: Sequence[str], rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> tuple[str, str]:
    """Return the version of all columns and that of some of them."""
    described = [(f"c{number}", kind) for number, kind in enumerate(kinds)]
    with duckdb.connect() as connection:
        connection.execute(f"create table t ({', '.join(f'{name} {kind}' for name, kind in described)})")
        for row in rows:
            connection.execute(f"insert into t values ({', '.join('?' for _ in kinds)})", list(row))
        found = connection.execute(content_query("t", described, [columns])).fetchone()
    assert found is not None and found[0] == len(rows)
    return found[1], found[2]


def bag(rows: Sequence[tuple[Any, ...]], places: Sequence[int]) -> Counter[str]:
    """Count rows by what their values look like, which tells 0.0 from -0.0 and NULL from everything."""
    return Counter(repr([_ordered(row[place]) for place in places]) for row in rows)


def _ordered(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, dict) else value  # a struct has the order of its type


@settings(deadline=None, max_examples=300)
@given(tables(), st.data())
def test_versions_are_equal_exactly_for_equal_bags(table: Table, data: st.DataObject) -> None:
    kinds, rows = table
    other = data.draw(st.permutations(rows) | rows_of(kinds) | st.just(rows[:-1]) | repaired(rows, len(kinds)))
    places = sorted(data.draw(st.sets(st.sampled_from(range(len(kinds))))))
    columns = [f"c{place}" for place in places]
    one_whole, one_part = versions(kinds, rows, columns)
    other_whole, other_part = versions(kinds, other, columns)
    everything = range(len(kinds))
    assert (one_whole == other_whole) is (bag(rows, everything) == bag(other, everything))
    assert (one_part == other_part) is (bag(rows, places) == bag(other, places))


def repaired(rows: Sequence[tuple[Any, ...]], width: int) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Let the values of each column change their partners: every column alone stays the same bag."""
    columns = st.tuples(*(st.permutations([row[place] for row in rows]) for place in range(width)))
    return columns.map(lambda found: list(zip(*found, strict=True)))
