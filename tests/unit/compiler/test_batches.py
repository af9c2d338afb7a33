"""A batch's query is dbt's own text: dbt's relation class is asked what it makes of an input that is filtered."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pytest
from dbt.adapters.base.relation import EventTimeFilter
from dbt.adapters.duckdb.relation import DuckDBRelation
from penstock.assets.names import RelationName
from penstock.compiler.batches import BatchQuery, batch_query, bound, delete_slice, insert_slice
from penstock.errors import ProjectError

ORDERS = RelationName("db", "main", "orders")
ITEMS = RelationName("db", "raw", 'Odd "items"')
PLAIN = RelationName("db", "main", "plain")
EPHEMERAL = RelationName("", "", "__dbt__cte__recent")
TIMES = {ORDERS: "ordered_at", ITEMS: '"At"', EPHEMERAL: "ordered_at"}
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)

QUERIES = [
    "select * from {orders}",
    "select * from {orders} o join {items} as i on i.id = o.id",
    "select * from {orders},{items}",
    "select * from ({orders})",
    "-- comments and 'quotes'\nselect '{{}}' as text, \"x\".y from {items} /* and {{}} */ \"x\"\n-- the end",
    "with __dbt__cte__recent as (\nselect * from {untouched} where (1 = 1)\n), other as (select * from {recent} r)\nselect * from other, {orders}",
    "with recent as (select * from {orders} where id in (select id from {plain})) select * from recent",
    "select * from {plain}",
    "select 1",
]


def dbt_text(name: RelationName, filtered: bool) -> str:
    """Return what dbt puts in the place of `ref`."""
    if name is EPHEMERAL:
        made = DuckDBRelation.create(type=DuckDBRelation.CTE, identifier=name.identifier).quote(identifier=False)
    else:
        made = DuckDBRelation.create(
            database=name.database, schema=name.schema, identifier=name.identifier.replace('"', '""')
        )  # dbt leaves quotes within a name to its user
    times = EventTimeFilter(field_name=TIMES.get(name, ""), start=START, end=END) if filtered and name in TIMES else None
    return str(made.replace(event_time_filter=times))


def compiled(query: str, filtered: bool) -> str:
    names = {"orders": ORDERS, "items": ITEMS, "plain": PLAIN, "recent": EPHEMERAL}
    rendered = {key: dbt_text(name, filtered) for key, name in names.items()}
    return query.format("{}", untouched=dbt_text(ORDERS, filtered=False), **rendered) if "{{" not in query else query.format(**rendered)


@pytest.mark.parametrize("query", QUERIES)
def test_a_batch_reads_as_dbt_compiles_it(query: str) -> None:
    plain = compiled(query, filtered=False)
    assert batch_query(plain, TIMES).for_range(START, END) == compiled(query, filtered=True)


def test_one_template_serves_every_batch() -> None:
    template = batch_query(compiled("select * from {orders} join {items} using (id)", filtered=False), TIMES)
    for number in range(3):
        start, end = START + timedelta(days=number), END + timedelta(days=number)
        assert re.findall(r"'(2024[^']*)'", template.for_range(start, end)) == [bound(start), bound(end)] * 2


@pytest.mark.parametrize("at", [START, datetime(2024, 1, 1, 5, 30, tzinfo=UTC), datetime(2024, 1, 1, microsecond=5, tzinfo=UTC)])
def test_bounds_are_written_as_dbt_writes_them(at: datetime) -> None:
    relation = DuckDBRelation.create(identifier="t").replace(event_time_filter=EventTimeFilter(field_name="at", start=at, end=at))
    assert str(relation) == f"""(select * from "t" where at >= '{bound(at)}' and at < '{bound(at)}')"""
    assert bound(at).endswith("+00:00")


def test_bounds_of_another_zone_are_the_same_moment() -> None:
    assert bound(datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2024-01-01 00:00:00+00:00"


def test_bounds_need_a_zone() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        BatchQuery(("a", "b", "c")).for_range(datetime(2024, 1, 1), END)


def test_names_are_found_in_any_case_and_without_quotes() -> None:
    assert batch_query("select * from DB.Main.ORDERS", TIMES).for_range(START, END) == (
        "select * from (select * from DB.Main.ORDERS where ordered_at >= '2024-01-01 00:00:00+00:00' and ordered_at < '2024-01-02 00:00:00+00:00')"
    )


@pytest.mark.parametrize(
    "sql",
    [
        'select * from "db"."other"."orders"',
        'select * from "main"."orders"',
        'select x."db"."main"."orders" from x',
        "select 'db.main.orders', \"db.main.orders\" -- db.main.orders",
        "select __dbt__cte__other from __dbt__cte__other",
        "with __dbt__cte__recent as (select (1) as a",
    ],
)
def test_other_names_stay(sql: str) -> None:
    assert batch_query(sql, TIMES).for_range(START, END) == sql


def test_inputs_that_the_text_does_not_name_are_told() -> None:
    found = batch_query(compiled("select * from {orders} -- {items}", filtered=False), TIMES)
    assert found.missing == (ITEMS, EPHEMERAL)


def test_the_body_of_an_ephemeral_model_is_no_reading_of_it() -> None:
    sql = compiled("with __dbt__cte__recent as (\nselect * from {plain}\n) select 1", filtered=False)
    assert EPHEMERAL in batch_query(sql, TIMES).missing


def test_a_text_that_cannot_be_cut_is_an_error() -> None:
    with pytest.raises(ProjectError, match="cannot be read"):
        batch_query("select 'unended", TIMES)


def test_a_slice_is_replaced_with_dbts_statements() -> None:
    within = "ordered_at >= '2024-01-01 00:00:00+00:00' and ordered_at < '2024-01-02 00:00:00+00:00'"
    assert delete_slice(ORDERS, "ordered_at", START, END) == f'delete from "db"."main"."orders" where {within}'
    assert delete_slice(ORDERS, "ordered_at", START, END, ["id > 0", "a or b"]).endswith(f"{within} and (id > 0) and (a or b)")
    assert insert_slice(ORDERS, ["id", 'a"b'], RelationName("", "", "built"), "ordered_at", START, END) == (
        f'insert into "db"."main"."orders" ("id", "a""b") select "id", "a""b" from "built" where {within}'
    )


def test_a_slice_leaves_other_batches_and_rows_without_a_time() -> None:
    connection = duckdb.connect()
    connection.execute("create table orders (id int, ordered_at timestamp)")
    rows = [(1, "2023-12-31 23:59:59"), (2, "2024-01-01 00:00:00"), (3, "2024-01-01 23:59:59"), (4, "2024-01-02 00:00:00"), (5, None)]
    connection.executemany("insert into orders values (?, ?)", rows)
    connection.execute("create temp table built as select id + 10 as id, ordered_at from orders")
    here = RelationName("", "main", "orders")
    connection.execute(delete_slice(here, "ordered_at", START, END))
    connection.execute(insert_slice(here, ["ordered_at", "id"], RelationName("", "", "built"), "ordered_at", START, END))
    assert [row[0] for row in connection.execute("select id from orders order by id").fetchall()] == [1, 4, 5, 12, 13]


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz", "varchar"])
def test_the_bounds_mean_the_same_in_a_column_of_any_type_of_time(kind: str) -> None:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(
        f"create table orders as select cast(d as {kind}) as ordered_at from (values (date '2023-12-31'), ('2024-01-01')) as x(d)"
    )
    sql = batch_query("select * from memory.main.orders", {RelationName("memory", "main", "orders"): "ordered_at"}).for_range(START, END)
    assert len(connection.execute(sql).fetchall()) == (1 if kind != "varchar" else 0)  # as text, a date is before its midnight
