"""Inputs that are read in part, and whether a query gives for several periods what it gives for each."""

from __future__ import annotations

import pytest
from penstock.assets.names import RelationName
from penstock.compiler.restrict import distributes, restricted
from penstock.errors import ProjectError

T, U = RelationName("d", "s", "t"), RelationName("d", "s", "u")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('select a from "d"."s"."t"', 'select a from (select * from "d"."s"."t" where x = 1) as "t"'),
        ("select t.a from d.s.t", 'select t.a from (select * from d.s.t where x = 1) as "t"'),
        ("select o.a from D.S.T as o", "select o.a from (select * from D.S.T where x = 1) as o"),
        ("select o.a from d.s.t o -- d.s.t", "select o.a from (select * from d.s.t where x = 1) o -- d.s.t"),
        ("select 'd.s.t' from d.s.v", "select 'd.s.t' from d.s.v"),
        ("with t as (select 1 as a) select a from t", "with t as (select 1 as a) select a from t"),
        (
            "with c as (select * from d.s.t) select * from c join d.s.t as o using (a)",
            'with c as (select * from (select * from d.s.t where x = 1) as "t") select * from c join (select * from d.s.t where x = 1) as o using (a)',
        ),
    ],
)
def test_every_name_of_a_table_is_replaced_and_nothing_else(sql: str, expected: str) -> None:
    assert restricted(sql, {T: "x = 1"}, "duckdb") == expected


def test_a_query_that_cannot_be_read_is_not_cut() -> None:
    with pytest.raises(ProjectError, match="cannot be cut into partitions"):
        restricted("select from where", {T: "x = 1"}, "duckdb")
    assert restricted("select from where", {}, "duckdb") == "select from where"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select at, v from d.s.t", True),
        ("select at, count(*) as n from d.s.t group by at", True),
        ("select at, v, row_number() over (partition by at order by v) as r from d.s.t", True),
        ("select at, sum(v) over (order by at) as running from d.s.t", False),
        ("select max(at) as at, v from d.s.t group by v", False),
        ("select at, v from d.s.t limit 3", False),
        ("select at + interval 1 day as at, v from d.s.t", False),
        ("select distinct on (v) at, v from d.s.t", False),
        ("select t.at, u.w from d.s.t join d.s.u on t.id = u.id", False),
        ("select at, v from d.s.v", False),
    ],
)
def test_periods_go_together_only_where_each_gives_the_same_alone(sql: str, expected: bool) -> None:
    assert distributes(sql, "at", {T: "at", U: "at"}, "duckdb") is expected


def test_an_input_that_is_not_cut_does_not_count() -> None:
    assert distributes("select t.at, u.w from d.s.t join d.s.u on t.id = u.id", "at", {T: "at"}, "duckdb")
