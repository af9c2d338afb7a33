"""A filter moved into a query gives the same rows as the filter around it: DuckDB is asked, about random queries."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from random import Random
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.compiler.literals import literal_of
from penstock.compiler.partition_filter import Bound, Condition, Equals, filtered
from random_queries import queries
from two_tables import holding, random_rows

_TABLES = {
    "t": {"day": "date", "region": "varchar", "k": "integer", "v": "integer"},
    "u": {"day": "date", "region": "varchar", "k": "integer", "w": "integer"},
    "e": {"day": "timestamp", "region": "varchar", "k": "integer", "x": "integer"},
    "odd": {"day": "date", "region": "integer", "k": "integer", "y": "integer"},
}
_DAYS = ["2024-01-01", "2024-01-02", "2024-01-03", None]
_MOMENTS = ["2024-01-01 00:00:00", "2024-01-01 05:00:00", "2024-01-02 23:59:59", "2024-01-03 00:00:00", None]
_FRAME = tuple[str, tuple[str, ...]]


def _value(chance: Random, table: str, column: str) -> object:
    if column == "day":
        return chance.choice(_MOMENTS if table == "e" else _DAYS)
    if column == "region":
        return chance.choice([1, 2, 10, None] if table == "odd" else ["a", "b", "1", "10", None])
    return chance.choice([0, 1, 2, 3, None])


def _connection(chance: Random) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for table, columns in _TABLES.items():
        connection.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        rows = [[_value(chance, table, name) for name in columns] for _ in range(chance.randint(2, 6))]
        connection.executemany(f"insert into {table} values ({', '.join('?' for _ in columns)})", rows)
    return connection


def _kind(column: str) -> str:
    """Return `d` for days, `r` for regions, `n` for what are mostly numbers."""
    return column[0] if column[0] in "dr" else "n"


class _Maker:
    """Draws one query; each CTE is drawn after those that stand before it."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.ctes: list[tuple[str, _FRAME]] = []
        self.names = 0

    def pick(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def frame(self, depth: int) -> _FRAME:
        kind = self.pick("table", "table", *["cte"] * (2 * bool(self.ctes)), *["query"] * (2 * bool(depth)))
        if kind == "cte":
            name, (_, columns) = self.pick(*self.ctes)
            return name, columns
        if kind == "query":
            sql, columns = self.query(depth - 1)
            return f"({sql})", columns
        table = self.pick("t", "t", "t", "u", "u", "e", "odd")
        return table, self.columns_of(table)

    def columns_of(self, table: str) -> tuple[str, ...]:
        """A CTE may have the name of a table."""
        return next((columns for name, (_, columns) in reversed(self.ctes) if name == table), tuple(_TABLES.get(table, ())))

    def alike(self, known: list[tuple[str, str]], others: tuple[str, ...]) -> tuple[str, str]:
        """Two columns that can be compared, mostly: of those known, and of others."""
        pairs = [(f"{table}.{one}", other) for table, one in known for other in others if _kind(one) == _kind(other)]
        return self.pick(*pairs) if pairs else (".".join(known[0]), others[0])

    def query(self, depth: int) -> _FRAME:
        if not depth or self.pick(True, True, False):
            return self.select(depth)
        (one, columns), (other, others) = self.select(depth - 1), self.select(depth - 1)
        if self.pick(True, False, False):
            return f"{self._side(one)} union all by name {self._side(other)}", columns
        how = self.pick("union all", "union all", "union", "except", "intersect")
        if self.pick(True, False):  # the same columns on both sides
            count = min(len(columns), len(others))
            one, other = (f"select {', '.join(names[:count])} from ({sql})" for sql, names in ((one, columns), (other, others)))
            columns = columns[:count]
        return f"{self._side(one)} {how} {self._side(other)}", columns

    def _side(self, sql: str) -> str:
        return f"({sql})" if self.pick(True, False) or " order by " in sql else sql

    def select(self, depth: int) -> _FRAME:
        source, columns = self.frame(depth)
        left = self.fresh("x")
        known = [(left, column) for column in columns]
        text = f"{source} {self.pick('as ', '')}{left}"
        for _ in range(self.pick(0, 0, 1, 1, 2)):
            text, known = self._joined(text, known, depth)
        where = f" where {self._condition(known)}" if self.pick(True, False) else ""
        return self._shaped(known, f"from {text}{where}")

    def _joined(self, text: str, known: list[tuple[str, str]], depth: int) -> tuple[str, list[tuple[str, str]]]:
        source, others = self.frame(max(depth - 1, 0))
        right = self.fresh("x")
        both = sorted({column for _, column in known} & set(others))
        now = [*known, *((right, column) for column in others)]
        how = self.pick("on", "on", "on", "using", "using", "comma", "asof", "lateral", "semi", "semi", "positional")
        one, other = self.alike(known, others)
        if how == "using" and both:
            return f"{text} {self.pick('', 'left ', 'right ', 'full ', 'semi ')}join {source} {right} using ({self.pick(*both)})", now
        if how == "comma":
            return f"{text}, {source} as {right}", now
        if how == "lateral":
            return f"{text}, (select * from {source} as y where y.{other} = {one}) as {right}", now
        if how == "positional":
            return f"{text} positional join {source} as {right}", now
        if how == "asof":
            return f"{text} asof {self.pick('', 'left ')}join {source} as {right} on {one} >= {right}.{other}", now
        kind = self.pick("semi ", "anti ") if how == "semi" else self.pick("", "left ", "left ", "right ", "full ")
        return f"{text} {kind}join {source} {right} on {one} = {right}.{other}", known if how == "semi" else now

    def column(self, known: list[tuple[str, str]]) -> str:
        table, column = self.pick(*known)
        plain = sum(1 for _, other in known if other == column) == 1 and self.pick(True, False)
        return column if plain else f"{table}.{column}"

    def _condition(self, known: list[tuple[str, str]]) -> str:
        table = self.pick("t", "u", *(name for name, _ in self.ctes))
        one, other = self.alike(known, self.columns_of(table))
        inner = self.fresh("x")
        return self.pick(
            f"{self.column(known)} is not null",
            f"{one} in (select {inner}.{other} from {table} as {inner})",
            f"exists (select 1 from {table} as {inner} where {inner}.{other} = {one})",
        )

    def _shaped(self, known: list[tuple[str, str]], rest: str) -> _FRAME:
        shapes = ["plain"] * 4 + ["star"] * 3 + ["group"] * 2 + ["window"] * 2 + ["distinct", "on", "limit", "qualify", "odd"]
        shape = self.pick(*shapes)
        if shape == "star":
            return self._star(known, rest)
        listed, names = self._listed(known)
        keys = ", ".join(".".join(one) for one in known)
        over = f"over (partition by {', '.join(self.column(known) for _ in range(self.pick(1, 2)))} order by {keys})"
        if shape == "group":
            columns = [".".join(self.pick(*known)) for _ in range(self.pick(1, 2))]
            named = [self.pick(column.split(".")[1], self.fresh(_kind(column.split(".")[1]))) for column in columns]
            keys = self.pick("all", "1, 2" if len(columns) == 2 else "1", ", ".join(columns), f"rollup ({', '.join(columns)})")
            keyed = ", ".join(f"{column} as {name}" for column, name in zip(columns, named, strict=True))
            more = self.pick("", " having count(*) > 1")
            return f"select {keyed}, count(*) as n, max({self.column(known)}) as m {rest} group by {keys}{more}", (*named, "n", "m")
        if shape == "window":
            return f"select {listed}, row_number() {over} as n {rest}", (*names, "n")
        if shape == "qualify":
            return f"select {listed} {rest} qualify row_number() {over} = 1", names
        if shape == "on":
            return f"select distinct on ({self.column(known)}) {listed} {rest} order by {keys}", names
        if shape == "limit":
            return f"select {listed} {rest} order by {keys} limit {self.pick(1, 3)}{self.pick('', ' offset 1')}", names
        if shape == "odd":
            return f"select {listed}, unnest([1, 2]) as n {rest}", (*names, "n")
        return f"select {'distinct ' if shape == 'distinct' else ''}{listed} {rest}", names

    def _star(self, known: list[tuple[str, str]], rest: str) -> _FRAME:
        table = known[0][0]
        own = tuple(column for name, column in known if name == table)
        column = self.pick(*own)
        others = tuple(name for name in own if name != column)
        return self.pick(
            (f"select * {rest}", own),
            (f"select {table}.* {rest}", own),
            (f"select {table}.*, {self.column(known)} as day {rest}", own),
            (f"select {table}.* exclude ({column}), {self.column(known)} as {column} {rest}", (*others, column))
            if others
            else ("from t", ("k",)),
            (f"select {table}.* replace ({self.column(known)} as {column}) {rest}", own),
            (f"{rest}", own),
        )

    def _listed(self, known: list[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
        parts, names = [], []
        for _ in range(self.pick(2, 3, 4)):
            column = self.column(known)
            own = column.rsplit(".", 1)[-1]
            name = self.pick(own, own, own, self.fresh(_kind(own)), {"d": "day", "r": "region"}.get(_kind(own), "k"), "k")
            if name not in names:
                names.append(name)
                same = own == name and self.pick(True, False)
                parts.append(column if same else f"{self.pick(column, column, f'coalesce({column}, null)')} as {name}")
        return ", ".join(parts), tuple(names)


@st.composite
def sliced(draw: Any) -> tuple[str, list[Condition]]:
    """Draw a query and conditions on its columns."""
    maker = _Maker(draw)
    for _ in range(draw(st.integers(0, 3))):
        frame = maker.query(draw(st.integers(0, 1)))
        maker.ctes.append((maker.pick("t", maker.fresh("q"), maker.fresh("q")), frame))
    sql, columns = maker.query(draw(st.integers(0, 2)))
    kept = {name: inner for name, (inner, _) in maker.ctes}
    if len(kept) == len(maker.ctes) and kept:
        hint = maker.pick("", "", "materialized ")
        sql = f"with {', '.join(f'{name} as {hint}({inner})' for name, inner in kept.items())} {sql}"
    wanted = [name for name in columns if _kind(name) != "n"] or columns
    names = draw(st.lists(st.sampled_from(wanted), min_size=1, max_size=2, unique=True))
    return sql, [draw(_condition(name)) for name in names]


def _condition(name: str) -> st.SearchStrategy[Condition]:
    values: dict[str, list[Any]] = {
        "d": [
            [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 4)],
            [datetime(2024, 1, 1, 5), datetime(2024, 1, 2), datetime(2024, 1, 3)],
        ],
        "r": [["1", "a", "b"]],
    }
    each = values.get(_kind(name), [[0, 1, 3]])
    bounds = [Bound(name, few[0], few[1]) for few in each] + [Bound(name, few[0], few[2]) for few in each]
    return st.sampled_from([*bounds, *(Equals(name, few[1]) for few in each)])


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[Any], list[str]] | None:
    try:
        found = connection.execute(sql)
        return [column[:2] for column in found.description or ()], sorted(map(repr, found.fetchall()))
    except duckdb.Error:
        return None


def _around(sql: str, conditions: list[Condition]) -> str:
    held = [
        f'"{one.column}" = {literal_of(one.value, "duckdb")}'
        if isinstance(one, Equals)
        else f'"{one.column}" >= {literal_of(one.lower, "duckdb")} and "{one.column}" < {literal_of(one.upper, "duckdb")}'
        for one in conditions
    ]
    return f"select * from (\n{sql}\n) as s where {' and '.join(held)}"


def _comparable(described: list[Any], conditions: list[Condition]) -> bool:
    """Whether each value has the type of its column: a text that is no number fails sooner or later, as the plan has it."""
    types = {name: str(kind) for name, kind in described}
    values = [(types[one.column], one.value if isinstance(one, Equals) else one.lower) for one in conditions]
    kinds: dict[type, tuple[str, ...]] = {str: ("VARCHAR",), date: ("DATE", "TIMESTAMP"), datetime: ("DATE", "TIMESTAMP")}
    return all(kind in kinds.get(type(value), ("INTEGER", "BIGINT")) for kind, value in values)


def test_a_slice_has_the_rows_of_the_filter_around_the_query() -> None:
    seen: Counter[str] = Counter()

    @settings(deadline=None, max_examples=400)
    @given(sliced(), st.randoms(use_true_random=False))
    def compare(drawn: tuple[str, list[Condition]], chance: Random) -> None:
        sql, conditions = drawn
        pushed = filtered(sql, conditions, "duckdb")
        moved = sql not in pushed
        with _connection(chance) as connection:
            expected = _rows(connection, _around(sql, conditions))
            if expected is None or not _comparable(expected[0], conditions):
                seen["refused"] += 1
                return
            seen["moved" if moved else "around"] += 1
            seen["rows"] += moved and bool(expected[1])
            assert _rows(connection, pushed) == expected, pushed

    compare()
    assert seen["moved"] > 0.2 * (seen["moved"] + seen["around"]), seen
    assert seen["rows"] > 0.2 * seen["moved"], seen


@settings(deadline=None, max_examples=100)
@given(queries(), st.data(), st.randoms(use_true_random=False))
def test_a_slice_of_any_query_has_the_rows_of_the_filter_around_it(sql: str, data: st.DataObject, chance: Random) -> None:
    with holding(random_rows(chance)) as connection:
        columns = [column for column, *_ in connection.execute(f"describe {sql}").fetchall()]
        name = data.draw(st.sampled_from(columns))
        conditions: list[Condition] = [data.draw(st.sampled_from([Bound(name, 1, 3), Bound(name, 0, 2), Equals(name, 2)]))]
        expected = _rows(connection, _around(sql, conditions))
        if expected is not None:
            assert _rows(connection, filtered(sql, conditions, "duckdb")) == expected
