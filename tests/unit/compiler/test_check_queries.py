"""A check's query gets the relation it is about, its failures are counted and shown, and thresholds decide what they mean."""

from __future__ import annotations

from typing import Any

import pytest
from penstock.assets.check import CheckSpec, parse_threshold
from penstock.compiler.checks import check_query, check_verdict, put_in_place, sliced
from penstock.compiler.samples import masked_columns, sample_query
from penstock.errors import ParseError
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse

ORDERS = '"main"."all orders"'
EMEA = sliced(ORDERS, "region = 'emea' -- only")
HISTORY = '"main"."past"'


@pytest.fixture(scope="module")
def connection() -> DuckDBConnection:
    made = DuckDBWarehouse.in_memory().connect()
    made.execute(f"create table {ORDERS} (id int, amount int, region text, email text, this text, items int[])")
    made.execute(
        f"insert into {ORDERS} values (1, 5, 'emea', 'a@x', 'p', [1]), (2, -3, 'emea', 'b@x', 'q', []), (3, -4, 'apac', null, 'this', [2, 3])"
    )
    made.execute(f"create table {HISTORY} (rows int)")
    made.execute(f"insert into {HISTORY} values (2)")
    return made


def ids(connection: DuckDBConnection, sql: str, relation: str) -> list[int]:
    return sorted(int(row[0]) for row in connection.execute(put_in_place(sql, {"this": relation, "history": HISTORY})))


QUERIES = [
    "select id from this",
    "select id from THIS where This.amount < 0 or tHIS.amount > 0",
    'select id from "this" where "this".id > 0',
    "from this select id",
    "select t.id from this t",
    "select t.id from this as t join this using (id)",
    "select this.id from this join this as other on this.id = other.id",
    "select id from (select * from this) as this",
    "select id from (from this)",
    "select id from (this)",
    "with recent as (select * from this) select id from recent join this using (id)",
    "with this as (select * from this) select id from this",
    "with recursive r as (select id from this union select id from r) select id from r",
    "select this.id from this where exists (select 1 from this as that where that.id = this.id)",
    "select id from this where id in (select id from this)",
    "select id from this union select id from this",
    "select id from this where 'from this' = 'from this' -- from this\n/* from this */",
    "select id from this where this.this in ('p', 'q', 'this')",
    "select id from this tablesample 100%",
    "select id from (pivot this on region using count(*) group by id)",
    "select id from this cross join lateral (select this.amount as a)",
    "select t.id from this t(id, amount)",
    "select distinct id from this, unnest([1, 2])",
    "select id from (table this)",
    "select this.id from this positional join this as b",
    "select id, '😀' as é from this where '😀' <> this.region",
    "select id\r\nfrom\r\n  this\r\nwhere this.id > 0",
    "select id from this where (select max(rows) from history) = 2",
    "select id from this where (select max(history.rows) from History) = 2",
]


@pytest.mark.parametrize("sql", QUERIES)
def test_this_is_the_relation_wherever_it_is_read(connection: DuckDBConnection, sql: str) -> None:
    assert ids(connection, sql, ORDERS) == [1, 2, 3]


@pytest.mark.parametrize("sql", [sql for sql in QUERIES if "(table this)" not in sql])
def test_this_is_the_slice_wherever_it_is_read(connection: DuckDBConnection, sql: str) -> None:
    assert ids(connection, sql, EMEA) == [1, 2]


@pytest.mark.parametrize(
    "sql",
    [
        "select this, 'from this', \"this\" from orders -- from this",
        "with this as (select 1) select * from this",
        "with recursive this as (select 1 union all select * from this) select * from this",
        "select this.id from orders as this",
        "select * from main.this, this.history",
        "select * from query_table('this')",
        "select $$from this$$",
    ],
)
def test_whatever_else_is_called_this_stays(sql: str) -> None:
    assert put_in_place(sql, {"this": ORDERS, "history": HISTORY}) == sql


def test_all_text_around_it_stays_to_the_letter() -> None:
    sql = "SELECT  a::int,\t-- from this\n 'this'\nFROM this\n  JOIN  This  AS t USING (a)\n"
    assert put_in_place(sql, {"this": "x.y"}) == "SELECT  a::int,\t-- from this\n 'this'\nFROM x.y as this\n  JOIN  x.y  AS t USING (a)\n"


def test_a_query_that_cannot_be_read_is_an_error_of_ours() -> None:
    with pytest.raises(ParseError, match="cannot be read"):
        put_in_place("select * from (this", {"this": "x"})


@pytest.mark.parametrize(("threshold", "total"), [("!= 0", None), ("> 10% of total", 2)])
def test_failures_are_counted_and_all_rows_only_where_a_threshold_asks(
    connection: DuckDBConnection, threshold: str, total: int | None
) -> None:
    spec = CheckSpec("checks/a.sql", "select * from this where amount < 0 -- refunds", warn_if=threshold, limit=0)
    query = check_query(spec, put_in_place(spec.sql, {"this": EMEA}), EMEA)
    assert [tuple(row) for row in connection.execute(query)] == [(1, total, None)]
    assert spec.needs_total is (total is not None)


@pytest.mark.parametrize("least", [2, 3])
def test_too_little_history_is_counted_beside_the_failures(connection: DuckDBConnection, least: int) -> None:
    short = f"select 1 from history having count(*) < {least}"
    spec = CheckSpec("checks/a.sql", "select * from this", history="(select 1 from range(2))", insufficient_sql=short)
    assert [bool(row[2]) for row in connection.execute(check_query(spec, put_in_place(spec.sql, {"this": EMEA}), EMEA))] == [least == 3]


@pytest.mark.parametrize(
    ("text", "failures", "total", "holds"),
    [
        ("!= 0", 0, 0, False), ("!= 0", 1, 0, True), ("<>0", 1, 0, True), (">10", 10, 0, False), (" > 10 ", 11, 0, True), (">= 10", 10, 0, True),
        ("= 3", 3, 0, True), ("== 3", 4, 0, False), ("< 2.5", 2, 0, True), ("< 2.5", 3, 0, False), ("<=2", 2, 0, True), ("<= 2", 3, 0, False), ("= -1", 0, 0, False),
        ("> 1% of total", 1, 100, False), ("> 1% of total", 2, 100, True), (">= 1 % OF  Total", 1, 100, True), ("> 0.1% of total", 1, 1000, False),
        ("> 0.1% of total", 1, 999, True), ("> 10% of total", 3, 29, True), ("> 33.3% of total", 333, 1000, False),
        ("> 1% of total", 0, 0, False), (">= 1% of total", 0, 0, False), ("> 900% of total", 1, 0, True), ("< 5% of total", 1, 0, False), ("!= 5% of total", 1, 0, True),
        (">= 5% of total", 1, 0, True), ("= 0% of total", 0, 0, True),
    ],
)  # fmt: skip
def test_a_threshold_compares_exactly(text: str, failures: int, total: int, holds: bool) -> None:
    assert parse_threshold(text).holds(failures, total) is holds


@pytest.mark.parametrize(
    "text",
    ["", "10", "> ten", ">10 or 1=1", "> 1%", "> 1% of rows", "> 1 of total", "between 1 and 3", "!= 0 --", "> 1e3", "> ٣", "=> 1", "! = 0", "> 1.", "> " + "9" * 50],
)  # fmt: skip
def test_anything_else_is_no_threshold(text: str) -> None:
    with pytest.raises(ParseError, match="is not a threshold"):
        parse_threshold(text)


@pytest.mark.parametrize(
    ("spec", "failures", "total", "status", "message"),
    [
        ({}, 0, None, "pass", ""),
        ({}, 1, None, "fail", "Got 1 result, configured to fail if != 0"),
        ({"severity": "warn"}, 2, None, "warn", "Got 2 results, configured to warn if != 0"),
        ({"error_if": ">10"}, 10, None, "warn", "Got 10 results, configured to warn if != 0"),
        ({"error_if": ">10", "warn_if": "> 5% of total"}, 5, 100, "pass", ""),
        ({"error_if": ">10", "warn_if": "> 5% of total"}, 6, 100, "warn", "Got 6 results of 100, configured to warn if > 5% of total"),
        ({"error_if": "> 5% of total"}, 6, 100, "fail", "Got 6 results of 100, configured to fail if > 5% of total"),
        ({"severity": "warn", "error_if": ">1", "warn_if": ">5"}, 3, None, "pass", ""),
        ({"warn_if": "= 0", "error_if": "> 5"}, 0, None, "warn", "Got 0 results, configured to warn if = 0"),
    ],
)
def test_severity_and_thresholds_decide_as_for_dbts_tests(
    spec: dict[str, Any], failures: int, total: int | None, status: str, message: str
) -> None:
    found = check_verdict(CheckSpec("checks/a.sql", "", **spec), failures, total)
    assert (found.status, found.message, found.failures) == (status, message, 0 if status == "pass" else failures)


def described(connection: DuckDBConnection, query: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(f"describe select * from ({query})")]


def test_a_sample_has_at_most_so_many_rows_and_all_columns(connection: DuckDBConnection) -> None:
    query = f"select id, amount from {ORDERS} order by id desc -- last first"
    assert [tuple(row) for row in connection.execute(sample_query(query, 2))] == [(3, -4), (2, -3)]
    assert [tuple(row) for row in connection.execute(sample_query(query, 5, ["amount", "id"]))][0] == (-4, 3)
    assert list(connection.execute(sample_query(query, 0))) == []


def test_masked_values_are_not_shown_but_their_absence_is(connection: DuckDBConnection) -> None:
    query = f"select id, email from {ORDERS} order by id"
    rows = connection.execute(sample_query(query, 9, ["id", "email"], {"EMAIL"}))
    assert [tuple(row) for row in rows] == [(1, "***"), (2, "***"), (3, None)]


def test_a_column_to_be_masked_has_to_be_there() -> None:
    with pytest.raises(ValueError, match="not there"):
        sample_query("select 1 as id", 9, (), {"email"})


MASKS = [
    ("select id, email from this", {"email"}),
    ("select * from this", {"email"}),
    ("select id, EMAIL as Contact from this", {"Contact"}),
    ("select id, contact: email from this", {"contact"}),
    ("select id, upper(email) as a, a || '!' as b, amount as c from this", {"a", "b"}),
    ("with x as (select id, email as e from this), y as (select id, e as f from x) select id, f as g from y", {"g"}),
    ("select email as unique_field, count(*) as n_records from this group by email having count(*) > 1", {"unique_field"}),
    ("select id, (select max(email) from this) as latest from this", {"latest"}),
    ("select id, amount from this where email is null", set()),
    ("select count(*) as n from this where email like '%x'", set()),
    ("select a.id, a.email, b.email from this a join this b using (id)", {"email", "email_1"}),
    ("select * replace (email || region as region) from this", {"email", "region"}),
    ("select * exclude (email) from this", set()),
    ("select id, {'mail': email} as boxed from this", {"boxed"}),
    ("select id, boxed.mail from (select id, {'mail': email} as boxed from this)", {"mail"}),
    ("select id, boxed.mail.inner as x from (select id, {'mail': email} as boxed from this)", {"x"}),
]


@pytest.mark.parametrize(("sql", "hidden"), MASKS)
def test_values_to_be_masked_are_followed_through_aliases(connection: DuckDBConnection, sql: str, hidden: set[str]) -> None:
    query = put_in_place(sql, {"this": ORDERS})
    columns = described(connection, query) if ".inner" not in sql else ["id", "x"]
    assert masked_columns(query, columns, {"Email"}) == hidden
    if hidden and ".inner" not in sql:
        assert "@x" not in str(connection.execute(sample_query(query, 9, columns, hidden)))


@pytest.mark.parametrize(
    "sql",
    [
        "select id, upper(email) from this",
        "select id as a from this union all select email from this",
        "select this from this",
        "select id, to_json(t) as j from this t",
        "select x.a from this as x(i, b, c, a)",
        "with x(i, a) as (select id, email from this) select a from x",
        "select * rename (email as a) from this",
        "select id, struct_pack(*columns(*)) as all_of_it from this",
        "select columns('e.*') from this",
        "select #4 from this",
        "unpivot (select id, email from this) on email into name n value v",
        "select unnest([email]) from this",
        "select u from this, unnest([email]) as u",
        "select unnest({'a': email}) as x from this",
        "select * from some_function(this)",
        "select * from (this",
    ],
)
def test_where_names_cannot_be_followed_every_column_is_masked(sql: str) -> None:
    assert masked_columns(sql, ["a", "j"], {"email"}) == {"a", "j"}
    assert masked_columns(sql, ["a", "j"], ()) == frozenset()
