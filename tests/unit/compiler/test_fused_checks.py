"""Fused checks count what each check counts by itself, and only what is understood shares a scan."""

from __future__ import annotations

import pytest
from penstock.assets.asset import TestSpec
from penstock.compiler import tests as data_tests
from penstock.compiler.foldable import fold
from penstock.compiler.fuse import MAX_CHECKS, CheckQuery, Fused, alone, fuse, settle
from penstock.errors import WarehouseError
from penstock.warehouse.duckdb import DuckDBConnection, DuckDBWarehouse

T = '"memory"."main"."t"'
WHERE = f"(select * from {T} where kind = 'x' and t.n > 0) dbt_subquery"
COLUMNS = [("id", "INTEGER"), ("n", "BIGINT"), ("x", "DOUBLE"), ("kind", "VARCHAR"), ("name", "VARCHAR"), ("s", "STRUCT(a INTEGER)")]

NOT_NULL = "\n\nselect n\nfrom {t}\nwhere n is null\n\n"
UNIQUE = "\n\nselect\n    {c} as unique_field,\n    count(*) as n_records\n\nfrom {t}\nwhere {c} is not null\ngroup by {c}\nhaving count(*) > 1\n\n"
ACCEPTED = (
    "\n\nwith all_values as (\n\n    select\n        {c} as value_field,\n        count(*) as n_records\n\n    from {t}\n    group by {c}\n\n)\n\n"
    "select *\nfrom all_values\nwhere value_field not in (\n    {v}\n)\n\n"
)
RELATIONSHIPS = (
    "\n\nwith child as (\n    select n as from_field\n    from {t}\n    where n is not null\n),\n\nparent as (\n    select {f} as to_field\n    from {to}\n)\n\n"
    "select\n    from_field\n\nfrom child\nleft join parent\n    on child.from_field = parent.to_field\n\nwhere parent.to_field is null\n\n"
)
PARENTS = '"memory"."main"."parents"'


@pytest.fixture(scope="module")
def connection() -> DuckDBConnection:
    made = DuckDBWarehouse.in_memory().connect()
    made.execute(
        "create table t (id int, n bigint, x double, kind varchar, name varchar collate nocase, s struct(a int), this struct(n int) default {n: 1})"
    )
    made.execute(
        "insert into t (id, n, x, kind, name, s) values (1, 1, 'nan', 'x', 'Ann', {a: 1}), (2, 1, 'nan', 'x', 'ANN', {a: null}), (3, null, 0.0, 'y', 'Bo', null),"
        " (4, 65, -0.0, 'x', null, {a: 2}), (5, -63, 'inf', null, 'bo', {a: 1}), (6, -63, null, 'z', '', {a: 3}), (6, 64, 1, 'z', 'É', {a: 1})"
    )
    made.execute("create table parents (id bigint, n bigint, name varchar)")
    made.execute("insert into parents values (1, 7, 'a'), (1, 8, 'a'), (65, 9, 'b'), (null, 9, null)")
    made.execute(f"create view v as select * from {T}")
    return made


def dbts_own(connection: DuckDBConnection, check: CheckQuery) -> int | None:
    """Ask as dbt does: `get_test_sql`, as the native executor runs it."""
    failures = connection.execute(data_tests.test_query(TestSpec(fail_calc=check.fail_calc, limit=check.limit), check.sql))[0][0]
    return None if failures is None else int(failures)


def counted(connection: DuckDBConnection, statements: tuple[Fused, ...], checks: list[CheckQuery]) -> dict[int, int | None]:
    """Run statements as a caller does: probes that found something ask again, each check by itself."""
    counts: dict[int, int | None] = {}
    for fused in statements:
        found, again = settle(fused, connection.execute(fused.statement))
        counts |= found
        for number in again:
            counts |= settle(alone(number, checks[number]), connection.execute(alone(number, checks[number]).statement))[0]
    return counts


FOLDABLE = {
    "not null": NOT_NULL,
    "unique": UNIQUE.replace("{c}", "n"),
    "unique of floats": UNIQUE.replace("{c}", "x"),
    "unique of text without case": UNIQUE.replace("{c}", "name"),
    "unique of a quoted name": UNIQUE.replace("{c}", '"kind"'),
    "accepted values": ACCEPTED.replace("{c}", "kind").replace("{v}", "'x','it''s -- (y)'"),
    "accepted values of floats": ACCEPTED.replace("{c}", "x").replace("{v}", "1, -2.5"),
    "accepted values of text without case": ACCEPTED.replace("{c}", "name").replace("{v}", "'ann'"),
    "accepted values with a null": ACCEPTED.replace("{c}", "kind").replace("{v}", "'x', null"),
    "relationships": RELATIONSHIPS.replace("{f}", "id").replace("{to}", PARENTS),
    "a condition": "select * from {t} where n > 1 or kind = 'x'",
    "comments": "-- all\nselect * /* every column */ from {t}\n-- that is\nwhere n > 1 -- (more than one",
    "no condition": "select * from {t}",
    "FROM first": "from {t} where n is null",
    "a constant": "select 1 from {t} where not (n > 1)",
    "fields": "select * from {t} where s.a = 1",
    "text that looks like clauses": "select * from {t} where kind = ' from where group by ' or kind = 'x'",
    "a clause within a function": "select * from {t} where extract(year from date '2024-01-01') = 2024 and n is distinct from 1",
}
OWN = {
    "this": "select * from {t} as this where this.n = 1",
    "an alias": "select o.n from {t} o where O.n > 1 and \"o\".kind = 'z' and n > 2",
}
APART = {
    "a limit": "select * from {t} where n = 1 limit 1",
    "a function of other rows": "select * from {t} where n > 0 qualify row_number() over (partition by n) > 1",
    "groups": "select n from {t} group by n having count(*) > 2",
    "different rows": "select distinct n from {t} where n > 0",
    "one row of many": "select max(n) from {t} where n > 0",
    "one row of many by an unknown function": "select histogram(n) from {t} where n > 0",
    "many rows of one": "select unnest([1, n]) from {t} where n > 0",
    "a join": "select * from {t} as a join {t} as b using (id)",
    "another relation": "select * from parents where id = 1",
    "no relation": "select 1 where 1 = 1",
    "accepted values and more": ACCEPTED.replace("{c}", "kind").replace("{v}", "'x') union all (select 'y', 1"),
    "two queries": "select * from {t} union all select * from {t}",
    "a subquery": "select * from {t} where n not in (select id from parents where id is not null)",
    "a name of its own in the condition": "select n * 2 as twice from {t} where twice > 2",
    "a column that the condition does not name": "select id from {t} where n = 1",
    "relationships with a field in parentheses": RELATIONSHIPS.replace("{f}", "id").replace(
        "{to}", f"(select * from {PARENTS} where id > 1)"
    ),
    "accepted values that are columns": ACCEPTED.replace("{c}", "kind").replace("{v}", "'x', value_field"),
    "unique by an expression": UNIQUE.replace("{c}", "n + 1"),
    "more than two": UNIQUE.replace("{c}", "n").replace("> 1", "> 2"),
    "every column": "select * from {t} where columns(*) is null",
    "a whole row": "select * from {t} as r where r is null",
    "a relation's full name": "select * from {t} where main.t.n = 1",
    "a column called this": "select * from {t} as o where this.n = 1",
    "a lambda": "select * from {t} as r where list_filter([s], lambda r: r.a > 1) = []",
    "a comprehension": "select * from {t} as r where [r.a for r in [s] if r.a > 1] = []",
}


@pytest.mark.parametrize("relation", [T, WHERE])
@pytest.mark.parametrize("name", FOLDABLE)
def test_what_is_understood_shares_a_scan_and_counts_the_same(connection: DuckDBConnection, name: str, relation: str) -> None:
    check = CheckQuery(FOLDABLE[name].replace("{t}", relation))
    assert fold(check.sql, T) is not None
    checks = [check, CheckQuery(f"select * from {T} where id = 1")]
    (fused,) = fuse(T, checks, stored=False)
    assert fused.statement.count(T) == 1, "one scan"
    assert counted(connection, (fused,), checks) == {0: dbts_own(connection, check), 1: 1}


@pytest.mark.parametrize("name", OWN)
def test_whatever_the_relation_is_called_it_is_one_scan(connection: DuckDBConnection, name: str) -> None:
    checks = [CheckQuery(OWN[name].replace("{t}", T)), CheckQuery(NOT_NULL.replace("{t}", T)), CheckQuery(f"from {T} x where x.n = 64")]
    (fused,) = fuse(T, checks, stored=False)
    assert fused.statement.count(T) == 1
    assert counted(connection, (fused,), checks) == {number: dbts_own(connection, check) for number, check in enumerate(checks)}


@pytest.mark.parametrize("name", APART)
def test_what_is_not_understood_keeps_its_own_query_in_the_same_statement(connection: DuckDBConnection, name: str) -> None:
    checks = [CheckQuery(APART[name].replace("{t}", T)), CheckQuery(NOT_NULL.replace("{t}", T)), CheckQuery(f"select * from {T}")]
    assert fold(checks[0].sql, T) is None
    (fused,) = fuse(T, checks, stored=False)
    assert checks[0].sql in fused.statement
    assert fused.probes == frozenset()
    assert counted(connection, (fused,), checks) == {number: dbts_own(connection, check) for number, check in enumerate(checks)}


@pytest.mark.parametrize("relation", [T, WHERE])
def test_a_tables_checks_stay_queries_of_their_own_in_one_statement(connection: DuckDBConnection, relation: str) -> None:
    queries = [*FOLDABLE.values(), *OWN.values(), *(APART[name] for name in APART if "columns" not in name)]
    checks = [CheckQuery(query.replace("{t}", relation if query in FOLDABLE.values() else T)) for query in queries]
    (fused,) = fuse(T, checks, stored=True)
    assert all(check.sql in fused.statement for check in checks)
    assert counted(connection, (fused,), checks) == {number: dbts_own(connection, check) for number, check in enumerate(checks)}


@pytest.mark.parametrize("relation", [T, WHERE])
def test_repeated_integers_of_a_table_are_probed_for_and_then_counted(connection: DuckDBConnection, relation: str) -> None:
    checks = [CheckQuery(UNIQUE.format(c=name, t=relation)) for name in ("id", "N", "x", "kind", "name")]
    (fused,) = fuse(T, checks, stored=True, columns=COLUMNS)
    assert fused.probes == {0, 1}
    assert checks[0].sql not in fused.statement and checks[2].sql in fused.statement
    assert counted(connection, (fused,), checks) == {number: dbts_own(connection, check) for number, check in enumerate(checks)}


def test_where_nothing_repeats_a_probe_says_so(connection: DuckDBConnection) -> None:
    connection.execute("create table none as from t limit 0")
    for relation, rows, column in ((T, WHERE, "id"), ('"memory"."main"."none"', '"memory"."main"."none"', "n")):
        checks = [CheckQuery(UNIQUE.format(c=column, t=rows)), CheckQuery(f"from {relation}")]
        for stored in (True, False):
            (fused,) = fuse(relation, checks, stored=stored, columns=COLUMNS)
            assert fused.probes == {0}
            found, again = settle(fused, connection.execute(fused.statement))
            assert (found[0], again) == (0, ())


def test_both_conditions_of_a_restricted_relation_hold(connection: DuckDBConnection) -> None:
    rows = f"(select * from {T} where kind = 'x' or n = 64) dbt_subquery"
    checks = [CheckQuery(f"select * from {rows} where n = 65 or id = 6"), CheckQuery(f"from {T}")]
    assert counted(connection, fuse(T, checks, stored=False), checks) == {0: 2, 1: 7}


EDGES = {
    "tinyint": (-128, 127), "smallint": (-(2**15), 2**15 - 1), "integer": (-(2**31), 2**31 - 1), "bigint": (-(2**63), 2**63 - 1),
    "utinyint": (0, 255), "usmallint": (0, 2**16 - 1), "uinteger": (0, 2**32 - 1), "ubigint": (0, 2**64 - 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize("repeated", [(), (0,), (3, 3)])
def test_integers_at_the_ends_of_their_types_are_told_apart(kind: str, repeated: tuple[int, ...]) -> None:
    connection = DuckDBWarehouse.in_memory().connect()
    low, high = EDGES[kind]
    values = [low, low + 1, low + 63, low + 64, high - 64, high - 63, high - 1, high, *range(61, 67), 96, *((-1, -64, -65) if low else ())]
    values = sorted(set(values))
    rows = [*values, *(values[index] for index in repeated)]
    connection.execute(f"create table t (n {kind})")
    for value in [*rows, None, None]:
        connection.execute("insert into t values ($value)", {"value": value})
    checks = [CheckQuery(UNIQUE.format(c="n", t=T))]
    (fused,) = fuse(T, checks, stored=True, columns=[("n", kind.upper())])
    assert fused.probes == {0}
    assert [int(row[1]) for row in connection.execute(fused.statement)] == [len(repeated)]
    assert counted(connection, (fused,), checks) == {0: len(set(repeated))}


@pytest.mark.parametrize("limit", [0, 1, 2, 100])
@pytest.mark.parametrize("stored", [True, False])
def test_a_limit_caps_each_count_alone(connection: DuckDBConnection, limit: int, stored: bool) -> None:
    queries = [FOLDABLE["a condition"], FOLDABLE["unique"], FOLDABLE["accepted values"], FOLDABLE["relationships"], APART["a join"]]
    checks = [CheckQuery(query.replace("{t}", T), limit=limit) for query in queries] + [CheckQuery(f"from {T}")]
    fused = fuse(T, checks, stored=stored, columns=COLUMNS)
    assert len(fused) == 1
    assert counted(connection, fused, checks) == {number: dbts_own(connection, check) for number, check in enumerate(checks)}


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize(
    "check",
    [
        CheckQuery(f"select n from {T} where n > 1", fail_calc="sum(n)"),
        CheckQuery(f"select n from {T} where n > 1000", fail_calc="max(n)"),
        CheckQuery(f"select * from {T} where random() < 2"),
        CheckQuery(f"select * from {T} where gen_random_uuid() is null"),
        CheckQuery(f"select * from {T} tablesample 100%"),
        CheckQuery(f"select * from {T} using sample 100%"),
    ],
)
def test_other_calculations_and_chance_stay_alone(connection: DuckDBConnection, check: CheckQuery, stored: bool) -> None:
    checks = [check, CheckQuery(f"from {T}"), CheckQuery(f"from {T} where n = 1", fail_calc=" COUNT( * ) ")]
    shared, apart = fuse(T, checks, stored=stored)
    assert (shared.checks, apart) == ((1, 2), alone(0, check))
    assert counted(connection, (shared, apart), checks) == {number: dbts_own(connection, one) for number, one in enumerate(checks)}


@pytest.mark.parametrize(
    "sql",
    [
        "select * from (",
        "select 1;",
        "select 1; select 2",
        "select 1) union all (select 2",
        "drop table t",
        "select " + "(" * 3000 + "1" + ")" * 3000,
    ],
)
@pytest.mark.parametrize("stored", [True, False])
def test_what_is_no_query_stays_alone_and_fails_alone(connection: DuckDBConnection, sql: str, stored: bool) -> None:
    checks = [CheckQuery(f"from {T}"), CheckQuery(sql), CheckQuery(f"from {T} where n = 1")]
    shared, apart = fuse(T, checks, stored=stored)
    assert apart.checks == (1,)
    assert counted(connection, (shared,), checks) == {0: 7, 2: 2}
    if "union" not in sql:
        with pytest.raises(WarehouseError):
            connection.execute(apart.statement)


@pytest.mark.parametrize("sql", ["select * from (select * where true) as t where n = 1", "select from {t} where n = 1"])
def test_what_only_the_parser_takes_for_a_query_is_not_folded(sql: str) -> None:
    assert fold(sql.replace("{t}", T), T) is None


def test_the_clock_is_one_for_all_statements_of_a_transaction() -> None:
    checks = [CheckQuery(f"select * from {T} where current_date < now()"), CheckQuery(f"from {T}")]
    assert [one.checks for one in fuse(T, checks, stored=False)] == [(0, 1)]


@pytest.mark.parametrize("stored", [True, False])
def test_a_check_that_breaks_breaks_its_statement_never_the_counts(connection: DuckDBConnection, stored: bool) -> None:
    broken = [f"select nothing from {T} where nothing is null", f"select * from {T} where cast(kind as int) > 0"]
    broken += [
        RELATIONSHIPS.format(t=T, f="x", to=PARENTS),
        f"select n from {T} o where t.n = 1",
        f"select kind from {T} where n = 1 and sum(n) > 1",
    ]
    for sql in broken:
        checks = [CheckQuery(sql), CheckQuery(f"from {T}"), CheckQuery(f"from {T} where n = 1")]
        (fused,) = fuse(T, checks, stored=stored)
        for statement in (fused.statement, alone(0, checks[0]).statement):
            with pytest.raises(WarehouseError):
                connection.execute(statement)
        assert counted(connection, (alone(1, checks[1]), alone(2, checks[2])), checks) == {1: 7, 2: 2}


def test_a_slice_is_the_relation_of_its_checks(connection: DuckDBConnection) -> None:
    part = f"(select * from {T} where n > 0\n)"
    queries = [f"select * from {part} as this where this.kind = 'x'", NOT_NULL.format(t=part), UNIQUE.format(c="n", t=part)]
    queries += [f"select * from (select * from {part} where kind = 'x') dbt_subquery where n = 1"]
    checks = [CheckQuery(query) for query in queries]
    for stored in (True, False):
        (fused,) = fuse(part, checks, stored=stored, columns=COLUMNS)
        assert counted(connection, (fused,), checks) == {0: 3, 1: 0, 2: 1, 3: 2}
        assert stored or fused.statement.count(part) == 1


def test_a_check_of_the_whole_relation_is_not_counted_over_a_slice(connection: DuckDBConnection) -> None:
    checks = [CheckQuery(f"from {T}"), CheckQuery(f"from (select * from {T} where n > 0)")]
    (fused,) = fuse(f"(select * from {T} where n > 0)", checks, stored=False)
    assert counted(connection, (fused,), checks) == {0: 7, 1: 4}


@pytest.mark.parametrize("other", ['"memory"."main"."T2"', '"main"."t"', '"memory"."other"."t"', "t", "'t'", "t()"])
def test_only_the_very_same_relation_is_folded(other: str) -> None:
    assert fold(f"select * from {other}", T) is None
    assert fold('select * from "MEMORY".main."T"', T) is not None


def test_statements_take_so_many_checks_and_no_more(connection: DuckDBConnection) -> None:
    checks = [CheckQuery(f"select * from {T} where n > {number}") for number in range(MAX_CHECKS + 3)]
    for stored in (True, False):
        fused = fuse(T, checks, stored=stored)
        assert [len(one.checks) for one in fused] == [MAX_CHECKS, 3]
        assert counted(connection, fused, checks)[MAX_CHECKS + 2] == 0
    assert fuse(T, [], stored=True) == ()


def test_a_check_that_a_statement_does_not_answer_is_asked_again() -> None:
    assert settle(Fused("", (0, 1, 2), frozenset({2})), [(1, 5), (2, 0)]) == ({1: 5, 2: 0}, (0,))
    assert settle(Fused("", (0, 1), frozenset({0, 1})), [(0, 3), (1, None)]) == ({}, (0, 1))
    assert settle(Fused("", (0,)), [(0, None)]) == ({0: None}, ())


def test_a_views_checks_read_it_once(connection: DuckDBConnection) -> None:
    view = '"memory"."main"."v"'
    checks = [
        CheckQuery(query.replace("{t}", view))
        for query in (NOT_NULL, FOLDABLE["unique"], FOLDABLE["accepted values"], FOLDABLE["relationships"])
    ]
    (fused,) = fuse(view, checks, stored=False, columns=COLUMNS)
    assert fused.statement.count(view) == 1
    assert counted(connection, (fused,), checks) == {number: dbts_own(connection, check) for number, check in enumerate(checks)}
