"""Ingestion files without partitions: rows merged by key, cursors, other databases, and statements of the file's own."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import duckdb
import pytest
from conftest import Make
from penstock.app.build import Report, Stopper, build_project
from penstock.app.gateway import DbtGateway
from penstock.app.planning import Wanted, plan_project
from penstock.app.settings import Place, discover
from penstock.assets.asset import Asset
from penstock.errors import ConfigError, WarehouseBusy
from penstock.runner.outcomes import Outcome
from penstock.warehouse.failpoints import arm
from workspace import Workspace

CUSTOMERS = """\
-- ---
-- write: upsert
-- key: [customer_id]
-- cursor: {column: updated_at, initial: 1970-01-01, lookback: 10 minutes}
-- ---
select customer_id, name, updated_at from crm.customers where updated_at >= $cursor
"""
MARK = "select high_water from penstock.current_materialization where asset = 'ingest.raw.customers'"
ROWS = "select customer_id, name from raw.customers order by all"
FIRST = "(1, 'Ada', '2024-01-01 10:00:00.123456'), (2, 'Bob', '2024-01-02 12:00:00')"


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Each build freezes what it made, for a process that ends soon."""
    yield
    gc.unfreeze()


class Silent:
    """A sink that says nothing."""

    def started(self, number: int, total: int, asset: Asset, executor: str) -> None:
        """Say nothing."""

    def finished(self, number: int, total: int, outcome: Outcome) -> None:
        """Say nothing."""


def _settings(workspace: Workspace):
    return discover(Place(), workspace.folder, workspace.environment())


def build(workspace: Workspace, **wanted: object) -> Report:
    return build_project(_settings(workspace), Wanted(**wanted), lambda _: Silent(), lambda _: None, Stopper())


def good(workspace: Workspace, **wanted: object) -> Report:
    report = build(workspace, **wanted)
    assert report.ok, [outcome.message for outcome in report.outcomes] + [row.detail for row in report.planned.plan.rows]
    return report


def failure(workspace: Workspace, **wanted: object) -> str:
    report = build(workspace, **wanted)
    assert not report.ok
    return "\n".join([*(outcome.message for outcome in report.outcomes), *(row.detail for row in report.planned.plan.rows)])


def decisions(workspace: Workspace) -> dict[str, str]:
    settings = _settings(workspace)
    gateway = DbtGateway(settings, lambda _: None)
    try:
        return {row.asset: f"{row.decision} {row.reason}" for row in plan_project(settings, Wanted(), gateway).plan.rows}
    finally:
        gateway.close()


def in_duckdb(workspace: Workspace, script: str) -> None:
    with closing(duckdb.connect(str(workspace.folder / "crm.duckdb"))) as connection:
        connection.execute(script)


def in_sqlite(workspace: Workspace, script: str) -> None:
    with closing(sqlite3.connect(workspace.folder / "crm.sqlite")) as connection:
        connection.executescript(script)
        connection.commit()


DUCKDB = {"penstock.yml": "attach:\n  crm: {path: crm.duckdb}\n", "ingest/raw/customers.sql": CUSTOMERS}
SQLITE = {"penstock.yml": "attach:\n  crm: {path: crm.sqlite, type: sqlite}\n", "ingest/raw/customers.sql": CUSTOMERS}
TABLE = "create table customers (customer_id integer, name varchar, updated_at timestamp)"
Change = Callable[[Workspace, str], None]


@pytest.fixture(params=["duckdb", "sqlite"])
def crm(request: pytest.FixtureRequest, make: Make) -> tuple[Workspace, Change]:
    """A project that loads customers from another database, which holds two of them."""
    files, change = (DUCKDB, in_duckdb) if request.param == "duckdb" else (SQLITE, in_sqlite)
    workspace = make(files)
    change(workspace, f"{TABLE}; insert into customers values {FIRST};")
    return workspace, change


def test_rows_of_another_database_are_merged_as_far_as_they_are_new(crm: tuple[Workspace, Change]) -> None:
    workspace, change = crm
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob")]
    assert workspace.query(MARK) == [("2024-01-02 12:00:00",)]
    change(
        workspace,
        "insert into customers values (3, 'Cy', '2024-01-03 09:00:00'), (4, 'late', '2024-01-02 11:55:00'), (5, 'too late', '2024-01-01')",
    )
    change(workspace, "update customers set name = 'Eve', updated_at = '2024-01-03 08:00:00' where customer_id = 1")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Eve"), (2, "Bob"), (3, "Cy"), (4, "late")], "5 is older than the mark less lookback"
    assert workspace.query(MARK) == [("2024-01-03 09:00:00",)]


def test_a_run_with_nothing_new_reuses(crm: tuple[Workspace, Change]) -> None:
    workspace, change = crm
    good(workspace)
    assert decisions(workspace) == {"ingest.raw.customers": "REUSE fresh"}
    change(workspace, "create table other (a integer)")
    assert decisions(workspace) == {"ingest.raw.customers": "REUSE fresh"}
    change(workspace, "update customers set name = 'x' where customer_id = 2")
    assert decisions(workspace) == {"ingest.raw.customers": "BUILD upstream_newer"}
    good(workspace)
    assert decisions(workspace) == {"ingest.raw.customers": "REUSE fresh"}


def test_a_full_refresh_begins_at_initial_with_a_new_table(crm: tuple[Workspace, Change]) -> None:
    workspace, change = crm
    good(workspace)
    change(workspace, "delete from customers where customer_id = 2; insert into customers values (9, 'old', '1999-01-01')")
    good(workspace, force=True)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob")], "a cursor sees neither"
    assert workspace.query(MARK) == [("2024-01-02 12:00:00",)], "no row is left that far, but the mark never goes back"
    good(workspace, full_refresh=True)
    assert workspace.query(ROWS) == [(1, "Ada"), (9, "old")]
    assert workspace.query(MARK) == [("2024-01-01 10:00:00.123456",)]


def test_a_mark_outlives_its_code_but_not_its_table(crm: tuple[Workspace, Change]) -> None:
    workspace, change = crm
    good(workspace)
    change(workspace, "insert into customers values (9, 'old', '1999-01-01')")
    workspace.replace("ingest/raw/customers.sql", "name, updated_at from", "upper(name) as name, updated_at from")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "BOB")]
    workspace.execute("drop table raw.customers")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "ADA"), (2, "BOB"), (9, "OLD")]


def test_another_cursor_column_begins_again_and_its_marks_are_its_own(make: Make) -> None:
    workspace = make(DUCKDB)
    in_duckdb(workspace, f"{TABLE}; insert into customers values {FIRST}; alter table customers add column seen timestamp;")
    in_duckdb(workspace, "update customers set seen = updated_at - interval 1 year")
    workspace.replace("ingest/raw/customers.sql", "name, updated_at from", "name, updated_at, seen from")
    good(workspace)
    in_duckdb(workspace, "insert into customers values (7, 'Gus', '2020-01-01', '2023-06-01')")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob")], "7 lies before the mark"
    workspace.replace("ingest/raw/customers.sql", "column: updated_at", "column: seen")
    workspace.replace("ingest/raw/customers.sql", "where updated_at", "where seen")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob"), (7, "Gus")]
    assert workspace.query(MARK) == [("2023-06-01 00:00:00",)]
    workspace.replace("ingest/raw/customers.sql", "column: seen", "column: SEEN")
    in_duckdb(workspace, "insert into customers values (8, 'old', '2020-01-01', '2022-01-01')")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob"), (7, "Gus")], "written otherwise it is the same column"


def test_another_cursor_column_of_rows_without_a_key_is_refused(make: Make) -> None:
    workspace = make(DUCKDB)
    in_duckdb(workspace, f"{TABLE}; insert into customers values {FIRST}")
    workspace.replace("ingest/raw/customers.sql", "write: upsert", "write: append")
    workspace.replace("ingest/raw/customers.sql", "-- key: [customer_id]\n", "")
    good(workspace)
    workspace.replace(
        "ingest/raw/customers.sql", "{column: updated_at, initial: 1970-01-01, lookback: 10 minutes}", "{column: customer_id, initial: 0}"
    )
    workspace.replace("ingest/raw/customers.sql", "where updated_at", "where customer_id")
    assert "earlier loads followed `updated_at`: how far they came says nothing of `customer_id`" in failure(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob")]
    good(workspace, full_refresh=True)
    in_duckdb(workspace, "insert into customers values (3, 'Cy', '1999-01-01')")
    workspace.replace("ingest/raw/customers.sql", "where customer_id >=", "where customer_id >")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob"), (3, "Cy")]


@pytest.mark.parametrize("place", ["stage.after", "begin.after", "write.after", "record_version.after", "commit.before"])
def test_a_crash_between_stage_and_commit_leaves_data_and_mark_as_they_were(make: Make, place: str) -> None:
    workspace = _duckdb(make)
    good(workspace)
    in_duckdb(workspace, "insert into customers values (3, 'Cy', '2024-01-03 09:00:00')")
    arm(f"{place}=1:raise")
    try:
        assert "InjectedFault" in failure(workspace)
    finally:
        arm(None)
    assert (workspace.query(ROWS), workspace.query(MARK)) == ([(1, "Ada"), (2, "Bob")], [("2024-01-02 12:00:00",)])
    good(workspace)
    assert (workspace.query(ROWS), workspace.query(MARK)) == ([(1, "Ada"), (2, "Bob"), (3, "Cy")], [("2024-01-03 09:00:00",)])


def _duckdb(make: Make, **files: str) -> Workspace:
    workspace = make({**DUCKDB, **files})
    in_duckdb(workspace, f"{TABLE}; insert into customers values {FIRST}")
    return workspace


def test_repeated_and_missing_keys_are_refused_with_their_values_and_counts(make: Make) -> None:
    workspace = _duckdb(make)
    good(workspace)
    in_duckdb(workspace, "insert into customers select 7, 'twice', '2024-02-01' from range(3)")
    in_duckdb(workspace, "insert into customers select null, 'nobody', '2024-02-01' from range(2)")
    said = failure(workspace)
    assert "ingest/raw/customers.sql: 3 rows share their key with another row: customer_id = 7 (3 rows)" in said
    assert "ingest/raw/customers.sql: 2 rows have no value in their key: customer_id = NULL (2 rows)" in said
    assert "qualify row_number() over (partition by customer_id order by updated_at desc) = 1" in said
    assert (workspace.query(ROWS), workspace.query(MARK)) == ([(1, "Ada"), (2, "Bob")], [("2024-01-02 12:00:00",)])
    workspace.replace("ingest/raw/customers.sql", "customer_id, name", "coalesce(customer_id, 0) as customer_id, name")
    in_duckdb(workspace, "insert into customers select i, 'x', '2024-02-01' from range(100, 120) r(i), range(2)")
    said = failure(workspace)
    assert (
        "45 rows share their key with another row: customer_id = 7 (3 rows), customer_id = 0 (2 rows), customer_id = 100 (2 rows)" in said
    )
    assert "and 34 more" in said


def test_columns_that_are_missing_in_the_rows_are_named(make: Make) -> None:
    workspace = _duckdb(make)
    workspace.replace(
        "ingest/raw/customers.sql", "customer_id, name, updated_at from", "customer_id as customerid, name, updated_at as changed from"
    )
    said = failure(workspace)
    assert "the rows have no column `updated_at`, which `cursor` names\nSelect it; there are customerid, name, changed." in said
    assert "the rows have no column `customer_id`, which `key` names\nDid you mean `customerid`?" in said
    assert workspace.query("select count(*) from duckdb_tables() where schema_name = 'raw'") == [(0,)]


def test_rows_without_a_cursor_are_kept_and_move_no_mark(make: Make) -> None:
    workspace = _duckdb(make)
    workspace.replace("ingest/raw/customers.sql", ">= $cursor", ">= $cursor or updated_at is null")
    in_duckdb(workspace, "delete from customers; insert into customers values (1, 'a', null)")
    good(workspace)
    assert (workspace.query(ROWS), workspace.query(MARK)) == ([(1, "a")], [(None,)])
    in_duckdb(workspace, "insert into customers values (2, 'b', '2020-01-01'), (3, 'c', 'infinity')")
    good(workspace)
    assert (workspace.query(ROWS), workspace.query(MARK)) == ([(1, "a"), (2, "b"), (3, "c")], [("2020-01-01 00:00:00",)])
    in_duckdb(workspace, "delete from customers where customer_id > 1; insert into customers values (4, 'd', null)")
    good(workspace)
    assert (len(workspace.query(ROWS)), workspace.query(MARK)) == (4, [("2020-01-01 00:00:00",)])


@pytest.mark.parametrize(
    ("kind", "initial", "first", "second", "mark"),
    [
        ("timestamp", "1970-01-01", "2024-01-01 00:00:00.123456", "2024-01-01 00:00:00.123457", "2024-01-01 00:00:00.123457"),
        ("timestamp_ns", "1970-01-01", "2024-01-01 00:00:00.123456788", "2024-01-01 00:00:00.123456789", "2024-01-01 00:00:00.123456789"),
        ("timestamptz", "1970-01-01T00:00:00Z", "2024-01-01 02:00:00.5+02", "2024-01-01 00:00:00.6+00", "2024-01-01 00:00:00.6+00"),
        ("bigint", "0", "9007199254740992", "9007199254740993", "9007199254740993"),
        ("hugeint", "-1", "170141183460469231731687303715884105726", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
        ("date", "1970-01-01", "2024-01-01", "2024-01-02", "2024-01-02"),
        ("varchar", "1970-01-01", "it's 1", "it's 2", "it's 2"),
        ("decimal(38, 10)", "0.5", "12345678901234567890.0000000001", "12345678901234567890.0000000002", "12345678901234567890.0000000002"),
        ("double", "0.1", "0.30000000000000004", "0.3000000000000001", "0.3000000000000001"),
        ("uuid", "'00000000-0000-0000-0000-000000000000'", "018e0000-0000-7000-8000-000000000001", "018e0000-0000-7000-8000-000000000002", "018e0000-0000-7000-8000-000000000002"),
    ],
)  # fmt: skip
def test_a_mark_of_any_type_neither_repeats_nor_loses_a_row(
    make: Make, kind: str, initial: str, first: str, second: str, mark: str
) -> None:
    header = f"-- ---\n-- write: append\n-- cursor: {{column: Moment, initial: {initial}}}\n-- ---\n"
    workspace = make(
        {**DUCKDB, "ingest/raw/customers.sql": f"{header}select moment from crm.main.moments where moment > coalesce(null, $Cursor)"}
    )
    values = [first.replace("'", "''"), second.replace("'", "''")]
    in_duckdb(workspace, f"create table moments (moment {kind}); insert into moments values ('{values[0]}')")
    good(workspace)
    in_duckdb(workspace, f"insert into moments values ('{values[1]}')")
    good(workspace)
    good(workspace, force=True)
    assert workspace.query("select cast(moment as varchar) from raw.customers order by moment") == [(_as(kind, first),), (mark,)]
    assert workspace.query(MARK) == [(mark,)]


def _as(kind: str, value: str) -> str:
    with closing(duckdb.connect()) as connection:
        return connection.execute(f"set timezone = 'UTC'; select cast(cast(? as {kind}) as varchar)", [value]).fetchall()[0][0]


def test_what_was_appended_before_there_was_a_cursor_is_not_appended_again(make: Make) -> None:
    plain = "-- ---\n-- write: append\n-- ---\nselect customer_id, name, updated_at from crm.customers"
    workspace = _duckdb(make, **{"ingest/raw/customers.sql": plain})
    good(workspace)
    cursor = "-- ---\n-- write: append\n-- cursor: {column: updated_at, initial: 1970-01-01}\n-- ---\n"
    workspace.write(
        {"ingest/raw/customers.sql": f"{cursor}select customer_id, name, updated_at from crm.customers where updated_at > $cursor"}
    )
    in_duckdb(workspace, "insert into customers values (3, 'Cy', '2024-01-03')")
    good(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob"), (3, "Cy")]


def test_a_lookback_on_what_is_no_time_is_refused_and_so_is_a_first_mark_of_another_type(make: Make) -> None:
    workspace = _duckdb(make)
    workspace.replace("ingest/raw/customers.sql", "column: updated_at, initial: 1970-01-01", "column: customer_id, initial: 0")
    workspace.replace("ingest/raw/customers.sql", "where updated_at", "where customer_id")
    assert "`lookback: 10 minutes` cannot be taken off `customer_id`, which is a INTEGER" in failure(workspace)
    workspace.replace("ingest/raw/customers.sql", "initial: 0, lookback: 10 minutes", "initial: soon")
    assert "`initial: soon` is no INTEGER, which `customer_id` is" in failure(workspace)
    workspace.replace("ingest/raw/customers.sql", "initial: soon", "initial: 1")
    good(workspace)
    workspace.replace("ingest/raw/customers.sql", "customer_id, name", "customer_id + date '2024-01-01' as customer_id, name")
    workspace.replace("ingest/raw/customers.sql", "-- write", "-- schema_change: sync_all_columns\n-- write")
    assert "earlier loads came to `2`, which is no DATE, as `customer_id` is now" in failure(workspace)


WRITES = {
    "append": "write: append",
    "append with a cursor": "write: append\n-- cursor: {column: n, initial: 0}",
    "upsert": "write: upsert\n-- key: [n]",
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("mode", ["fail", "ignore", "append_new_columns", "sync_all_columns"])
def test_new_columns_do_what_the_file_says(make: Make, write: str, mode: str) -> None:
    where = " where n > $cursor" if "cursor" in write else ""
    header = f"-- ---\n-- {WRITES[write]}\n-- schema_change: {mode}\n-- ---\n"
    workspace = make({**DUCKDB, "ingest/raw/customers.sql": f"{header}select * from crm.main.it{where}"})
    in_duckdb(workspace, "create table it as select 1::integer as n, 'a' as gone")
    good(workspace)
    in_duckdb(workspace, "create or replace table it as select 'x' as \"NEW col\", 2::bigint as n")
    if mode == "fail":
        said = failure(workspace)
        assert "`NEW col` is new, `gone` is missing, `n` is BIGINT, not INTEGER" in said
        assert workspace.query("select n, gone from raw.customers") == [(1, "a")]
        return
    good(workspace)
    expected = {
        "ignore": (["n", "gone"], [(1, "a"), (2, None)]),
        "append_new_columns": (["n", "gone", "NEW col"], [(1, "a", None), (2, None, "x")]),
        "sync_all_columns": (["n", "NEW col"], [(1, None), (2, "x")]),
    }
    names = "select column_name from duckdb_columns() where table_name = 'customers' and schema_name = 'raw' order by column_index"
    assert [row[0] for row in workspace.query(names)] == expected[mode][0]
    assert workspace.query("select * from raw.customers order by n") == expected[mode][1]


def test_keys_are_compared_as_the_table_stores_them(make: Make) -> None:
    header = "-- ---\n-- write: upsert\n-- key: [n]\n-- schema_change: ignore\n-- ---\n"
    workspace = make({**DUCKDB, "ingest/raw/customers.sql": f"{header}select * from crm.main.it"})
    in_duckdb(workspace, "create table it as select 1::integer as n, 'a' as v")
    good(workspace)
    in_duckdb(workspace, "create or replace table it as select '01' as n, 'b' as v")
    good(workspace)
    assert workspace.query("select n, v from raw.customers") == [(1, "b")]
    in_duckdb(workspace, "insert into it values ('1', 'c')")
    assert "2 rows share their key with another row: n = 1 (2 rows)" in failure(workspace)


def test_names_may_be_hostile(make: Make) -> None:
    alias, table, key = 'my "crm"', "it's; drop -- x", 'the "key" $cursor'
    header = f"-- ---\n-- write: upsert\n-- key: ['{key}']\n-- cursor: {{column: 'or-der', initial: 0}}\n-- ---\n"
    name = '"my ""crm"""."Main"."it\'s; drop -- x"'
    query = f"select *, '$cursor' as text from {name} where \"or-der\" >= $cursor -- $cursor"
    for kind, change in (("duckdb", in_duckdb), ("sqlite", in_sqlite)):
        files = {
            "penstock.yml": f"attach:\n  'my \"crm\"': {{path: crm.{kind}, type: {kind}}}\n",
            f'ingest/o\'ut/{kind} "x".sql': header + query,
        }
        workspace = make(files)
        quoted = f'"{table}" ("the ""key"" $cursor" varchar, "or-der" integer)'
        change(workspace, f"create table {quoted}; insert into \"{table}\" values ('a', 1), ('b', 2)")
        good(workspace)
        change(workspace, f'update "{table}" set "or-der" = 3 where "or-der" = 1')
        good(workspace)
        rows = f'select "the ""key"" $cursor", "or-der", text from "o\'ut"."{kind} ""x""" order by 1'
        assert workspace.query(rows) == [("a", 3, "$cursor"), ("b", 2, "$cursor")], alias
        (workspace.folder / f'ingest/o\'ut/{kind} "x".sql').unlink()


def test_a_statement_of_the_files_own_loads_its_table_and_is_recorded(make: Make) -> None:
    header = "-- ---\n-- write: statement\n-- ---\n"
    insert = f"{header}with newest as (select * from crm.customers)\ninsert into raw.customers (id, name)\nselect customer_id, name from newest where $run_id <> ''\n"
    copy = f"{header}copy raw.lines from 'data/*.csv' (header)"
    files = {"ingest/raw/customers.sql": insert, "ingest/raw/lines.sql": copy, "data/a.csv": "n\n1\n2\n"}
    workspace = _duckdb(make, **files)
    said = failure(workspace)
    assert "ingest/raw/lines.sql: raw.lines does not exist, and COPY makes no table" in said
    workspace.execute("create table raw.lines (n integer)")
    good(workspace)
    assert workspace.query("select * from raw.customers order by all") == [(1, "Ada"), (2, "Bob")]
    assert workspace.query("select * from raw.lines order by all") == [(1,), (2,)]
    assert set(decisions(workspace).values()) == {"REUSE fresh"}
    workspace.write({"data/b.csv": "n\n3\n"})
    in_duckdb(workspace, "delete from customers where customer_id = 2")
    good(workspace)
    assert workspace.query("select count(*) from raw.customers union all select count(*) from raw.lines") == [(3,), (5,)]
    assert set(decisions(workspace).values()) == {"REUSE fresh"}


def test_a_statement_that_fails_leaves_the_table_and_names_its_line(make: Make) -> None:
    header = "-- ---\n-- write: statement\n-- ---\n"
    workspace = _duckdb(
        make, **{"ingest/raw/customers.sql": f"{header}\n-- one\n\n/* two\n*/ insert into {{{{ this }}}}\nselect *\nfrom crm.customers"}
    )
    good(workspace)
    workspace.replace("ingest/raw/customers.sql", "select *", "select *, nope")
    assert "ingest/raw/customers.sql:9: select *, nope" in failure(workspace)
    assert workspace.query(ROWS) == [(1, "Ada"), (2, "Bob")]


@pytest.mark.parametrize("header", ["write: replace", "write: append", "write: upsert\n-- key: [customer_id]"])
def test_an_error_in_the_query_names_its_line_in_the_file(make: Make, header: str) -> None:
    text = f"-- ---\n-- {header}\n-- ---\n\nselect *\n, {{}}\nfrom crm.customers"
    workspace = _duckdb(make, **{"ingest/raw/customers.sql": text.format("1 as one")})
    good(workspace)
    workspace.write({"ingest/raw/customers.sql": text.format("nope")})
    line = 6 + header.count("\n")
    assert f"ingest/raw/customers.sql:{line}: , nope" in failure(workspace)


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_an_attached_file_that_is_not_there_is_named_with_its_line(make: Make, kind: str) -> None:
    files = {
        "penstock.yml": f"target: dev\nattach:\n  crm:\n    path: no/such.file\n    type: {kind}\n",
        "ingest/raw/one.sql": "select 1 as a",
    }
    with pytest.raises(ConfigError, match=r"^penstock.yml:3: `attach: crm`: there is no file no/such.file$"):
        build(make(files))


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_an_attached_file_that_is_no_database_is_named(make: Make, kind: str) -> None:
    files = {"penstock.yml": f"attach:\n  crm: {{path: data/x.db, type: {kind}}}\n", "ingest/raw/one.sql": "select * from crm.a"}
    with pytest.raises(ConfigError, match=r"^cannot attach `crm` \(.*data/x.db\): "):
        build(make({**files, "data/x.db": "nothing of the kind " * 500}))


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_the_targets_own_name_is_not_taken_by_another_database(make: Make, kind: str) -> None:
    workspace = make(
        {
            "penstock.yml": f"attach:\n  Warehouse: {{path: crm.{kind}, type: {kind}}}\n",
            "ingest/raw/one.sql": "select * from warehouse.customers",
        }
    )
    (in_duckdb if kind == "duckdb" else in_sqlite)(workspace, TABLE)
    with pytest.raises(ConfigError, match="is the name of the target's own database"):
        build(workspace)


def test_an_attached_database_that_another_process_writes_is_busy(make: Make) -> None:
    from subprocess import PIPE, Popen
    from sys import executable

    workspace = _duckdb(make)
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with Popen([executable, "-c", script, str(workspace.folder / "crm.duckdb")], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WarehouseBusy, match=rf"crm.duckdb is in use by python[\d.]* \(pid {other.pid}\)"):
            build(workspace)
        assert other.stdin is not None
        other.stdin.close()
    good(workspace)


def test_a_statement_writes_no_other_database_of_the_same_names(make: Make) -> None:
    files = {"penstock.yml": "attach:\n  crm: {path: crm.duckdb, read_only: false}\n"}
    statement = "-- ---\n-- write: statement\n-- ---\ninsert into crm.raw.customers select 9, 'x', now()"
    workspace = _duckdb(make, **files, **{"ingest/raw/customers.sql": statement})
    in_duckdb(workspace, "create schema raw; create table raw.customers as select * from main.customers")
    assert "the statement writes crm.raw.customers, the file loads raw.customers" in failure(workspace)
    with closing(duckdb.connect(str(workspace.folder / "crm.duckdb"))) as connection:
        assert connection.execute("select count(*) from raw.customers").fetchall() == [(2,)]


def test_what_changes_while_rows_are_read_is_due_in_the_next_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    query = (
        "-- ---\n-- write: upsert\n-- key: [id]\n-- cursor: {column: id, initial: 0}\n-- ---\nselect id from src.numbers where id > $cursor"
    )
    workspace = make({"ingest/raw/customers.sql": query})
    workspace.execute("create schema src; create table src.numbers as select 1 as id")
    from penstock.runner import native

    looked = native.load_of

    def with_a_writer_in_between(context, sql, number):
        load = looked(context, sql, number)
        read = load.read

        def then_write() -> str | None:
            found = read()
            context.statements().connection.execute("insert into src.numbers values (2)")
            return found

        load.read = then_write
        return load

    monkeypatch.setattr(native, "load_of", with_a_writer_in_between)
    good(workspace)
    monkeypatch.undo()
    assert decisions(workspace) == {"ingest.raw.customers": "BUILD upstream_newer"}
    good(workspace)
    assert workspace.query("select id from raw.customers order by id") == [(1,), (2,)]
