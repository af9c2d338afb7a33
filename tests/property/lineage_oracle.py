"""What DuckDB says of a query's lineage: columns that are not in it never count, whatever they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

import duckdb
from penstock.assets.names import RelationName
from penstock.graph.column_graph import lineage_of_text
from penstock.parser.column_lineage import EVERY_COLUMN, ROWS, QueryLineage
from two_tables import TABLES, Rows, random_value

Column = tuple[str, str]
ALL_COLUMNS = frozenset((table, column) for table, columns in TABLES.items() for column in columns)


def lineage_of(sql: str, hidden: Iterable[str] = ()) -> QueryLineage:
    """Read a query over the tables of `two_tables`, as a graph is read; of those hidden no columns are told."""
    unknown = set(hidden)

    def schema(name: RelationName) -> tuple[str, ...] | None:
        table = name.identifier.lower()
        return None if table in unknown or table not in TABLES else tuple(TABLES[table])

    return lineage_of_text(sql, "duckdb", schema, {})


class Judge:
    """A database of small tables, filled anew for each question."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})

    def answer(self, rows: Rows, sql: str) -> tuple[list[str], list[tuple[object, ...]]] | None:
        """Return the columns and rows of a query, None where DuckDB refuses it."""
        for table, columns in TABLES.items():
            holes = ", ".join(f"({', '.join('?' for _ in columns)})" for _ in rows[table])
            self.connection.execute(f"create or replace table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
            self.connection.execute(f"insert into {table} values {holes}", [row[name] for row in rows[table] for name in columns])
        try:
            self.connection.execute(f"create or replace temp table answer as {sql.rstrip('; ')}")
        except duckdb.Error:
            return None
        names = [row[0] for row in self.connection.execute("describe answer").fetchall()]
        return names, self.connection.execute("from answer").fetchall()


def some_rows(chance: Random) -> Rows:
    """Draw a few rows for each table, of few values, so that filters and joins find something."""
    return {
        table: [{name: random_value(chance, kind) for name, kind in columns.items()} for _ in range(chance.randint(2, 5))]
        for table, columns in TABLES.items()
    }


def changed(rows: Rows, columns: Iterable[Column], chance: Random) -> Rows:
    """Return the rows with other values in some columns."""
    names: dict[str, list[str]] = {}
    for table, name in columns:
        names.setdefault(table, []).append(name)
    return {
        table: [{**row, **{name: random_value(chance, TABLES[table][name]) for name in names.get(table, ())}} for row in held]
        for table, held in rows.items()
    }


def columns_behind(lineage: QueryLineage, outputs: Iterable[str]) -> set[Column]:
    """Return the columns of tables that a lineage says may count for some output columns; `*` stands for those not known."""
    wanted = {ROWS, *outputs}
    found: set[Column] = set()
    for edge in lineage.edges:
        if edge.to_column in wanted:
            table = edge.relation.identifier.lower()
            every = edge.from_column == EVERY_COLUMN
            found |= {(table, name) for name in TABLES.get(table, ())} if every else {(table, edge.from_column.lower())}
    return found


def names_told(lineage: QueryLineage, names: list[str]) -> list[str]:
    """Return what the lineage calls each column that DuckDB gives; fails where the two cannot be the same columns."""
    told = list(lineage.columns)
    if EVERY_COLUMN in told:
        return [name if name in told else EVERY_COLUMN for name in names]
    assert len(told) == len(names), (told, names)
    for number, (one, name) in enumerate(zip(told, names, strict=True), 1):
        assert one in {name, f"#{number}"}, (told, names)
    return told


def bag(rows: list[tuple[object, ...]], numbers: list[int]) -> Counter[str]:
    """Return some columns of rows, in no order."""
    return Counter(repr([row[number] for number in numbers]) for row in rows)


def assert_sound(judge: Judge, sql: str, lineage: QueryLineage, chance: Random, rounds: int) -> int:
    """Change all that is not behind an output column, and behind several, and compare; return how often there was an answer."""
    answered = 0
    for _ in range(rounds):
        rows = some_rows(chance)
        before = judge.answer(rows, sql)
        if before is None:
            continue
        answered += 1
        told = names_told(lineage, before[0])
        groups = [[number] for number in range(len(told))]
        groups += [chance.sample(range(len(told)), chance.randint(1, len(told)))]
        for numbers in groups:
            others = ALL_COLUMNS - columns_behind(lineage, [told[number] for number in numbers])
            again = changed(rows, others, chance)
            after = judge.answer(again, sql)
            if after is None:  # a cast that fails for other values
                continue
            names = [before[0][number] for number in numbers]
            if after[0] != before[0]:  # values made columns
                assert EVERY_COLUMN in told
                if any(told[number] == EVERY_COLUMN for number in numbers):
                    continue
            there = [after[0].index(name) for name in names]
            assert bag(before[1], numbers) == bag(after[1], there), f"{names} {rows} {again}\n{sql}"
    return answered
