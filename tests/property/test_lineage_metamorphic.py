"""The lineage that the cases state is what the parser says, and DuckDB agrees: what is not in it never counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_oracle import ALL_COLUMNS, Judge, assert_sound, bag, changed, lineage_of, names_told, some_rows
from penstock.parser.column_lineage import EVERY_COLUMN, ROWS, ColumnEdge, Flow, QueryLineage
from random_lineage_queries import Maker

FOLDER = Path(__file__).parents[1] / "cases" / "columns"


@dataclass(frozen=True)
class Case:
    """A query, its columns in order, what flows into each, and what its rows depend on."""

    title: str
    sql: str
    columns: tuple[str, ...]
    flows: dict[str, set[str]]
    hidden: tuple[str, ...]
    unknown: str
    loose: str


def cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.sql")):
        for block in re.split(r"^-- == ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            yield read_case(block)


def read_case(block: str) -> Case:
    """Read a block: its title, a line for each column, `(rows)`, `(hidden)` and `(unknown)`, and the query."""
    title, *lines = block.strip().splitlines()
    columns, flows, notes = [], {ROWS: set()}, {"(hidden)": "", "(unknown)": "", "(loose)": ""}
    while lines[0].startswith("-- "):
        line = lines.pop(0).removeprefix("-- ")
        name, _, rest = line.partition(" ") if line.startswith(("(hidden)", "(unknown)", "(loose)", "(rows)")) else line.rpartition(":")
        name, rest = name.removesuffix(":"), rest.strip()
        if name in notes:
            notes[name] = rest
        elif name == "(rows)":
            flows[ROWS] = set(rest.split(", "))
        else:
            columns.append(name)
            flows[name] = set(filter(None, rest.split(", ")))
    return Case(title, "\n".join(lines), tuple(columns), flows, tuple(notes["(hidden)"].split()), notes["(unknown)"], notes["(loose)"])


CASES = [pytest.param(case, id=case.title) for case in cases()]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.connection.close()


def test_there_are_enough_cases() -> None:
    assert len(CASES) > 200
    assert len({param.id for param in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_query_has_the_lineage_its_case_states(case: Case) -> None:
    lineage = lineage_of(case.sql, case.hidden)
    found: dict[str, set[str]] = {ROWS: set(), **{column: set() for column in lineage.columns}}
    for edge in lineage.edges:
        found[edge.to_column].add(f"{edge.relation}.{edge.from_column} {edge.flow}")
    assert lineage.columns == case.columns
    assert found == case.flows
    assert bool(lineage.unknown) == bool(case.unknown)
    assert not case.unknown or case.unknown in lineage.unknown


@pytest.mark.parametrize("case", CASES)
def test_what_a_case_states_is_true_in_duckdb(case: Case, judge: Judge) -> None:
    """Other columns never count; of those stated each does, for some rows, unless it is not known whether it does."""
    lineage = lineage_of(case.sql, case.hidden)
    assert assert_sound(judge, case.sql, lineage, Random(11), 4), "DuckDB refuses the query"


def counted(judge: Judge, sql: str, lineage: QueryLineage, edge: ColumnEdge, chance: Random) -> bool:
    """Whether other values in an edge's column ever change the column, or the rows, that it leads to."""
    column = (edge.relation.identifier.lower(), edge.from_column.lower())
    for _ in range(150):
        rows = some_rows(chance)
        before, after = judge.answer(rows, sql), judge.answer(changed(rows, [column], chance), sql)
        if before is None or after is None:
            continue
        told = names_told(lineage, before[0])
        outputs = [number for number, name in enumerate(told) if edge.to_column in {ROWS, name}]
        if before[0] != after[0] or bag(before[1], outputs) != bag(after[1], outputs):
            return True
    return False


@pytest.mark.parametrize("case", [param for param in CASES if not param.values[0].loose])
def test_every_column_that_a_case_states_counts_for_some_rows(case: Case, judge: Judge) -> None:
    lineage = lineage_of(case.sql, case.hidden)
    chance = Random(5)
    for edge in lineage.edges:
        if edge.flow is not Flow.UNKNOWN and (edge.relation.identifier.lower(), edge.from_column.lower()) in ALL_COLUMNS:
            assert counted(judge, case.sql, lineage, edge, chance), edge


def test_random_queries_are_accepted_and_few_are_not_understood(judge: Judge) -> None:
    made = [Maker(Random(seed)).query() for seed in range(80)]
    rows = some_rows(Random(1))
    assert sum(judge.answer(rows, sql) is not None for sql in made) > 70
    assert sum(bool(lineage_of(sql).unknown) for sql in made) < 5


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9))
def test_columns_that_are_not_in_the_lineage_of_a_random_query_do_not_count(seed: int) -> None:
    assert_random_queries_sound([seed])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**9), st.sets(st.sampled_from("tuv")))
def test_nor_do_they_where_columns_of_tables_are_not_told(seed: int, hidden: set[str]) -> None:
    assert_random_queries_sound([seed], hidden)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 1600, 400))
def test_columns_that_are_not_in_the_lineage_of_many_random_queries_do_not_count(start: int) -> None:
    assert_random_queries_sound(range(start, start + 400))


def assert_random_queries_sound(seeds: Iterable[int], hidden: Iterable[str] = ()) -> None:
    judge = Judge()
    for seed in seeds:
        chance = Random(seed)
        sql = Maker(chance).query()
        lineage = lineage_of(sql, hidden)
        if lineage.columns != (EVERY_COLUMN,) or lineage.edges:  # one in five hundred cannot be parsed: nothing is said of it
            assert_sound(judge, sql, lineage, chance, 2)
    judge.connection.close()
