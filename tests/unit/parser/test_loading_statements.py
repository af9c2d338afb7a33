"""`write: statement` takes one statement that loads the file's own table; what it reads is told from what it writes."""

from __future__ import annotations

import pytest
from penstock.assets.asset import IngestSpec
from penstock.assets.names import RelationName
from penstock.errors import ParseError
from penstock.parser.ingest import IngestFile, parse_ingest, problems_of
from penstock.parser.loading import inserted_columns, inserted_query, read_ingest, written_by
from penstock.parser.query import parse_one
from penstock.parser.sql_file import Names


def _nothing(*names: str) -> RelationName:
    raise ParseError(f"there is nothing called {names}")


def _source(source_name: str, table_name: str) -> RelationName:
    if source_name == "shop":
        return RelationName("db", "landing", f"{table_name}_v2")
    return _nothing(source_name, table_name)


def parsed(statement: str, header: str = "") -> IngestFile:
    text = f"-- ---\n-- write: statement\n{header}-- ---\n{statement}"
    return parse_ingest("ingest/raw/orders.sql", text, Names(_nothing, _source, _nothing, _nothing))


def facts(statement: str):
    return read_ingest(IngestSpec("ingest/raw/orders.sql", statement, "statement"), "duckdb")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into raw.orders select 1", "INSERT INTO Raw.Orders (a, b) (select 1, 2)", "insert into raw.orders by name from x",
        "with a as (select 1 as n) insert into raw.orders select * from a", 'insert into "raw"."orders" select 1 union all select 2;',
        "insert into {{ this }} select 1", "copy raw.orders from 'data/*.csv'", "copy raw.orders (a, b) from 'x.csv' (format csv, header)",
    ],
)  # fmt: skip
def test_a_statement_that_loads_the_files_own_table_is_taken(statement: str) -> None:
    assert parsed(statement).error is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("select 1", "found SELECT"), ("update raw.orders set a = 1", "found UPDATE"), ("delete from raw.orders", "found DELETE"),
        ("create table raw.orders as select 1", "found CREATE"), ("merge into raw.orders using y on x.a = y.a when matched then delete", "found MERGE"),
        ("truncate raw.orders", "found TRUNCATETABLE"), ("attach 'x' as y", "found ATTACH"), ("install x", "found"), ("explain select 1", "found"),
        ("copy raw.orders to 'x.csv'", "COPY ... TO writes files"), ("copy (select 1) to 'x.csv'", "COPY ... TO writes files"),
        ("insert into raw.orders values (1)", "INSERT must have a query"), ("insert into raw.orders default values", "INSERT must have a query"),
        ("insert into raw.orders select 1 returning *", "INSERT must not return rows"),
        ("insert into raw.others select 1", "this file loads raw.orders, its statement writes raw.others"), ("copy raw.others from 'x'", "writes raw.others"),
        ("insert into orders select 1", "writes orders"), ("insert into lake.orders select 1", "writes lake.orders"),
        ("insert into raw.orders select 1; select 2", "expected one statement, found 2"),
        ("with a as (insert into raw.orders select 1 returning *) insert into raw.orders select * from a", "one statement may load one table, found INSERT"),
    ],
)  # fmt: skip
def test_every_other_statement_is_refused(statement: str, words: str) -> None:
    assert words in "\n".join(map(str, problems_of(parsed(statement))))


def test_a_refusal_says_where_and_what_to_write() -> None:
    error = problems_of(parsed("insert into raw.others select 1"))[0]
    assert str(error).startswith("ingest/raw/orders.sql:4: ")
    assert error.hint == "Write INSERT INTO raw.orders SELECT ..., or COPY raw.orders FROM '...'."


def test_a_file_that_names_its_dbt_source_writes_the_sources_table() -> None:
    assert parsed("insert into landing.sales_v2 select 1", "-- source: shop.sales\n").error is None
    assert parsed("insert into {{ this }} select 1", "-- source: shop.sales\n").error is None
    assert parsed("insert into raw.orders select 1", "-- source: shop.sales\n").error is not None
    assert parsed("insert into raw.orders select 1", "-- source: nobody.sales\n").error is None, "told when the graph is made"


def test_what_a_statement_writes_is_not_what_it_reads() -> None:
    found = facts(
        "with a as (select * from crm.x) insert into raw.orders (n) with b as (select * from y) select random() from a join b using (n)"
    )
    assert found.tables == (RelationName("", "", "y"), RelationName("", "crm", "x"))
    assert (found.volatile, found.error) == (("rand", "random"), "")
    assert facts("insert into raw.orders select * from raw.orders").tables == (RelationName("", "raw", "orders"),)
    assert facts("insert into raw.orders select * from read_csv('a/*.csv')").files == ("a/*.csv",)


def test_the_files_of_a_copy_are_inputs_and_unknown_ones_are_unknown() -> None:
    assert (facts("copy raw.orders from 'data/*.csv' (header)").files, facts("copy raw.orders from 'x'").unknown) == (("data/*.csv",), ())
    assert facts("copy raw.orders from $run_id").unknown == ("COPY ... FROM",)


def test_a_statement_means_the_same_without_its_comments() -> None:
    assert facts("insert into raw.orders select 1 -- one").canonical == facts("insert into raw.orders\n\nSELECT 1").canonical != ""
    assert facts("insert into raw.orders select 1").canonical != facts("insert into raw.orders select 2").canonical


@pytest.mark.parametrize("ending", ["where $run_id <> ''", "where '' <> $run_id", "-- $run_id ''", "where a = $a$b$a$"])
def test_a_text_may_end_in_any_way(ending: str) -> None:
    assert read_ingest(IngestSpec("a.sql", f"select * from t {ending}"), "duckdb").tables == (RelationName("", "", "t"),)


def test_the_parts_of_a_statement_are_found() -> None:
    tree = parse_one('with a as (select 1) insert into raw."or ders" (x, "Y z") with b as (select 2) select * from a, b', "duckdb")
    assert (written_by(tree), inserted_columns(tree)) == (RelationName("", "raw", "or ders"), ("x", "Y z"))
    query = inserted_query(tree)
    assert query is not None
    assert query.sql("duckdb") == "WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b"
    copy = parse_one("copy raw.orders from 'x'", "duckdb")
    assert (inserted_query(copy), inserted_columns(copy), written_by(copy)) == (None, (), RelationName("", "raw", "orders"))
