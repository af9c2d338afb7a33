from __future__ import annotations

import pytest
from penstock.assets.names import RelationName
from penstock.parser.column_lineage import EVERY_COLUMN, ROWS, ColumnEdge, Flow, QueryLineage, column_lineage, unreadable
from penstock.parser.query import parse_one
from sqlglot import exp

T = RelationName("", "", "t")
COLUMNS = {"t": ("k", "a", "b"), "u": ("k", "c"), "Mixed": ("Id", "Name")}


def lineage(sql: str, **more) -> QueryLineage:
    return column_lineage(parse_one(sql, "duckdb"), lambda name: COLUMNS.get(name.identifier), **more)


def edges(sql: str, **more) -> set[str]:
    return {f"{edge.relation}.{edge.from_column} {edge.flow} {edge.to_column}".strip() for edge in lineage(sql, **more).edges}


def test_edges_are_sorted_and_each_stands_once() -> None:
    found = lineage("select b as y, a as x, a + a as z from t where a > 1 and a < 3").edges
    assert list(found) == sorted(set(found))
    assert found[0] == ColumnEdge(T, "a", ROWS, Flow.FILTER)


def test_columns_are_spelled_as_their_table_spells_them() -> None:
    found = lineage('select ID, nAme as other from "Mixed"')
    assert found.columns == ("Id", "other")
    assert [(edge.from_column, edge.to_column, edge.flow) for edge in found.edges] == [
        ("Id", "Id", Flow.PASSTHROUGH),
        ("Name", "other", Flow.RENAMED),
    ]


def test_a_table_is_known_by_the_name_that_is_written_first() -> None:
    assert {edge.relation for edge in lineage("select x.a, y.b from t as x join T as y on x.k = y.k").edges} == {T}


def test_inputs_are_the_tables_looked_up_with_their_columns() -> None:
    found = lineage("with q as (select * from t) select q.a from q join elsewhere on true").inputs
    assert found == ((T, ("k", "a", "b")), (RelationName("", "", "elsewhere"), None))


def test_some_columns_may_be_told_and_others_not() -> None:
    schema = {T: ("a", EVERY_COLUMN)}.get
    found = column_lineage(parse_one("select * from t", "duckdb"), schema)
    assert found.columns == ("a", EVERY_COLUMN)
    assert found.edges == (ColumnEdge(T, EVERY_COLUMN, EVERY_COLUMN, Flow.UNKNOWN), ColumnEdge(T, "a", "a", Flow.PASSTHROUGH))
    other = column_lineage(parse_one("select z from t", "duckdb"), schema)
    assert other.edges == (ColumnEdge(T, "z", "z", Flow.PASSTHROUGH),)
    assert not other.unknown


def test_columns_without_names_of_an_input_can_be_asked_for_by_their_text() -> None:
    found = column_lineage(parse_one('select "(a + 1)" as x from t', "duckdb"), {T: ("k", "#2")}.get)
    assert found.edges == (ColumnEdge(T, "#2", "x", Flow.RENAMED),)


def test_an_ephemeral_model_is_the_end_of_the_way() -> None:
    sql = "with __dbt__cte__t as (select a + 1 as k, z as b from elsewhere where y) select k as x from __dbt__cte__t where b"
    assert edges(sql, inlined={"__dbt__cte__t": T}) == {"t.k renamed x", "t.b filter"}
    assert lineage(sql, inlined={"__dbt__cte__t": T}).inputs == ((T, ("k", "a", "b")),)


def test_a_name_that_nothing_has_may_be_anything_in_sight() -> None:
    found = lineage("select nowhere as x from t where k > 0")
    assert {edge.from_column for edge in found.edges if edge.flow is Flow.UNKNOWN} == {"k", "a", "b"}
    assert found.unknown == ("no table in sight has a column nowhere",)


def test_a_name_that_nothing_has_does_not_count_where_nobody_asks_for_it() -> None:
    assert not lineage("select k from (select k, nowhere as x from t) as q").unknown


def test_what_is_not_understood_may_depend_on_all_it_names() -> None:
    found = lineage("with q as (insert into u select k, a from t returning k) select q.k as x, t.b from q, t")
    unknown = {(edge.relation.identifier, edge.from_column) for edge in found.edges if edge.flow is Flow.UNKNOWN and edge.to_column == "x"}
    assert unknown == {("t", "k"), ("t", "a"), ("t", "b"), ("u", "k"), ("u", "c")}
    assert ColumnEdge(T, "b", "b", Flow.PASSTHROUGH) in found.edges
    assert "insert is not a query that can be followed" in found.unknown


def test_what_is_not_understood_in_a_lateral_subquery_may_depend_on_its_neighbours() -> None:
    found = lineage("select q.x from t, (select u.c as x from u, lateral flatten(t.a)) as q")
    assert {edge.from_column for edge in found.edges if edge.relation == T and edge.to_column == "x"} == {"k", "a", "b"}


def test_a_statement_that_is_no_query_has_no_columns_that_are_known() -> None:
    found = lineage("update t set a = b")
    assert found.columns == (EVERY_COLUMN,)
    assert found.unknown == ("update is not a query that can be followed",)
    assert {(edge.from_column, edge.to_column) for edge in found.edges} == {(column, to) for column in "kab" for to in (ROWS, EVERY_COLUMN)}


def test_a_query_that_is_nested_too_deeply_may_depend_on_every_table() -> None:
    tree = parse_one("select a from t", "duckdb")
    for _ in range(2000):
        tree = exp.Select(expressions=[exp.column("a")], from_=exp.From(this=exp.Subquery(this=tree)))
    found = column_lineage(tree, lambda name: COLUMNS.get(name.identifier))
    assert found.edges == (ColumnEdge(T, EVERY_COLUMN, ROWS, Flow.UNKNOWN), ColumnEdge(T, EVERY_COLUMN, EVERY_COLUMN, Flow.UNKNOWN))
    assert found.unknown == ("the query is nested too deeply to be followed",)
    assert found.inputs == ((T, ("k", "a", "b")),)


def test_a_long_chain_of_conditions_is_followed() -> None:
    condition = " or ".join(f"a = {number}" for number in range(300))
    assert edges(f"select k from t where {condition}") == {"t.k passthrough k", "t.a filter"}


def test_a_text_that_could_not_be_read_has_a_reason() -> None:
    assert unreadable("why") == QueryLineage((EVERY_COLUMN,), (), ("why",))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select date_diff(a, b, k) as x from t", {"t.a derived x", "t.b derived x", "t.k derived x"}),
        ("select date_trunc('day', a) as x from t", {"t.a derived x"}),
        ("select a collate nocase as x from t", {"t.a derived x"}),
        ("select {'k': a} as x from t", {"t.a derived x"}),
        ("select f(k := a) as x from t", {"t.a derived x"}),
    ],
)
def test_words_within_calls_are_columns_only_where_they_can_be(sql: str, expected: set[str]) -> None:
    assert edges(sql) == expected


@pytest.mark.parametrize(
    ("sql", "kind", "part", "reason"),
    [
        ("select a from t", exp.Select, "prewhere", "SELECT with prewhere is not understood"),
        ("select a from t union select c from u", exp.Union, "on", "a set operation with on is not understood"),
        ("select * from t", exp.Star, "within", "* with within is not understood"),
        ("select a from t", exp.Table, "changes", "a table with changes is not understood"),
        ("select a from t join u using (k)", exp.Join, "nearest", "a join with nearest is not understood"),
        ("with q as (select a from t) select a from q", exp.With, "cycle", "WITH with cycle is not understood"),
        ("values (1)", exp.Values, "order", "VALUES with order is not understood"),
        ("(select a from t)", exp.Subquery, "where", "a query in parentheses with where is not understood"),
        ("select * from t pivot (sum(b) for a in (1))", exp.Pivot, "default_on_null", "PIVOT with default_on_null is not understood"),
        ("select k from t, lateral (select a)", exp.Lateral, "outer", "LATERAL with outer is not understood"),
    ],
)
def test_a_part_that_nobody_looks_at_makes_a_query_unknown(sql: str, kind: type[exp.Expr], part: str, reason: str) -> None:
    tree = parse_one(sql, "duckdb")
    tree.find(kind).set(part, exp.true())
    found = column_lineage(tree, lambda name: COLUMNS.get(name.identifier))
    assert found.unknown == (reason,)
    assert found.columns == (EVERY_COLUMN,)


def test_an_expression_of_everything_gives_columns_that_are_not_known() -> None:
    found = lineage("select hash(*), k as x from t")
    assert found.columns == (EVERY_COLUMN, "x")
    assert {edge.from_column for edge in found.edges if edge.to_column == EVERY_COLUMN} == {"k", "a", "b"}
