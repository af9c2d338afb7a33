"""An ingestion file is a header and one query; what is wrong with it stays with that file and says where."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from penstock.assets.freshness import Criteria, model_criteria, policy_of
from penstock.assets.names import RelationName
from penstock.errors import ParseError
from penstock.parser.ingest import IngestFile, parse_ingest, problems_of
from penstock.parser.sql_file import MAX_RENDERED, Names


def _ref(*names: str, **_: Any) -> RelationName:
    if names[-1:] != ("orders",):
        raise ParseError(f"there is no relation for ref{names!r}")
    return RelationName("db", "main", "orders")


def _source(source_name: str, table_name: str) -> RelationName:
    return RelationName("db", source_name, table_name)


def _var(name: str, default: Any = None) -> Any:
    return {"limit": 7, "word": "it's"}.get(name, default)


def _env_var(name: str, default: str = "") -> str:
    return {"REGION": "emea"}.get(name, default)


NAMES = Names(ref=_ref, source=_source, var=_var, env_var=_env_var)


def parsed(text: str, path: str = "ingest/raw/orders.sql") -> IngestFile:
    return parse_ingest(path, text, NAMES)


def good(text: str) -> IngestFile:
    file = parsed(text)
    assert file.error is None, file.error
    return file


def problem(text: str) -> str:
    file = parsed(text)
    assert (file.schema, file.table) == ("raw", "orders")
    return "\n".join(f"{one} / {one.hint}" for one in problems_of(file))


def test_schema_and_table_come_from_the_path() -> None:
    file = parsed("select 1 as id", "ingest/raw/Orders 2.sql")
    assert (file.schema, file.table, file.header.write) == ("raw", "Orders 2", "replace")


def test_a_header_gives_keys_and_may_name_another_relation() -> None:
    file = good("-- ---\n-- relation: lake.sales\n-- write: append\n-- tags: [a, on]\n-- watch: 'data/*/*.csv'\n-- ---\nselect 1")
    assert (file.schema, file.table, file.header.write) == ("lake", "sales", "append")
    assert (file.header.tags, file.header.watch) == (["a", "on"], "data/*/*.csv")
    assert file.sql == "select 1"


@pytest.mark.parametrize(
    "start",
    ["-- ---\n--\n-- write: append\n-- ---\n", "-- ---\r\n-- write: append\r\n-- ---\r\n", "\ufeff--  ---  \n--write: append\n-----\n"],
)
def test_fences_and_line_ends_may_be_written_loosely(start: str) -> None:
    assert good(start + "select 1").header.write == "append"


def test_a_file_without_a_header_is_a_query_even_after_a_byte_order_mark() -> None:
    assert good("\ufeff-- a comment\nselect 1;\n").sql == "-- a comment\nselect 1"


def test_characters_that_only_python_takes_for_line_ends_stay_in_the_query() -> None:
    assert good("-- ---\n-- ---\nselect 'a\u2028b\x0cc\x85d'").sql == "select 'a\u2028b\x0cc\x85d'"


@pytest.mark.parametrize("start", ["\n", "-- my file\n", "\n-- mine\n\n"])
def test_a_header_that_does_not_begin_the_file_is_refused_not_passed_over(start: str) -> None:
    assert "first line" in problem(f"{start}-- ---\n-- write: append\n-- ---\nselect 1")


def test_a_fence_within_the_query_is_a_comment() -> None:
    assert good("select 1\n-- ---\n, 2").sql == "select 1\n-- ---\n, 2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-- ---\n-- write: append\nselect 1", "ingest/raw/orders.sql:3: the header is not closed"),
        ("-- ---\n-- write: append", "the header is not closed"),
        ("-- ---\n-- wirte: append\n-- ---\nselect 1", "orders.sql:2: unknown key `wirte` / Did you mean `write`?"),
        ("-- ---\n-- owner: me\n-- write: never\n-- ---\nselect 1", "orders.sql:3: `write`"),
        ("-- ---\n-- tags: [a\n-- ---\nselect 1", "broken YAML"),
        ("-- ---\n-- tags: 1\n-- tags: 2\n-- ---\nselect 1", "orders.sql:3:1: broken YAML: the key 'tags' stands twice"),
        ("-- ---\n-- - a\n-- ---\nselect 1", "pairs"),
        ("-- ---\n-- relation: orders\n-- ---\nselect 1", "`relation` must be `schema.table`"),
    ],
)
def test_a_broken_header_is_told_with_its_line(text: str, words: str) -> None:
    assert words in problem(text)


def test_all_problems_of_a_header_are_told() -> None:
    assert len(problems_of(parsed("-- ---\n-- a: 1\n-- b: 2\n-- ---\nselect 1"))) == 2


def test_what_a_header_says_of_time_is_kept_in_meta_as_a_models_would_be() -> None:
    said = (
        "-- ---\n-- schedule: '@daily'\n-- freshness: {warn_after: {count: 1, period: day}, lag_tolerance: 30m}\n-- meta: {a: 1}\n-- ---\n"
    )
    meta = parsed(f"{said}select 1 as a").header.meta
    assert meta == {"lag_tolerance": "30m", "freshness": {"warn_after": {"count": 1, "period": "day"}}, "schedule": "@daily", "a": 1}
    assert model_criteria({"meta": meta}) == Criteria(warn_after=86400)
    assert policy_of({"meta": meta}).lag_tolerance == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("freshness: {warn_after: {count: 1, period: week}}", "orders.sql:2: `warn_after: {'count': 1, 'period': 'week'}` is not a count"),
        ("freshness: {lag_tolerance: soon}", "orders.sql:2: `lag_tolerance: soon` is not a duration / Write 30m"),
        ("freshness: {warn_afer: {count: 1, period: day}}", "unknown key `freshness.warn_afer` / Did you mean `warn_after`?"),
        ("schedule: ''", "orders.sql:2: `schedule: `: it has 0 fields, and needs five"),
        ("schedule: '0 6 * *'", "orders.sql:2: `schedule: 0 6 * *`: it has 4 fields"),
        ("write: append\n-- schedule: 61 * * * *", "orders.sql:3: `schedule: 61 * * * *`: `61` is no minute: 0 to 59 / Write five fields"),
    ],
)
def test_times_that_cannot_be_understood_are_told(header: str, words: str) -> None:
    assert words in problem(f"-- ---\n-- {header}\n-- ---\nselect 1")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("write: upsert", "orders.sql:2: `write: upsert` needs `key`"),
        ("key: [a]", "orders.sql:2: `key` goes with `write: upsert` alone"),
        ("write: upsert\n-- key: [a, A]", "orders.sql:3: `key` names a column twice"),
        ("cursor: {column: a, initial: 0}", "orders.sql:2: `cursor` goes with `write: append` or `write: upsert`"),
        ("write: append\n-- cursor: {column: a}", "orders.sql:3: `cursor` needs `initial`"),
        (
            "write: append\n-- cursor: {column: a, initial: 0, lookback: often}",
            "orders.sql:3: `lookback: often` is not a duration / Write 30m",
        ),
        ("write: append\n-- cursor: {column: a, initial: 0}", "orders.sql:3: the query does not use $cursor"),
        ("write: append\n-- cursor: {colunm: a}", "unknown key `cursor.colunm` / Did you mean `column`?"),
        ("write: statement\n-- cursor: {column: a, initial: 0}", "`cursor` goes with"),
    ],
)
def test_keys_that_do_not_go_together_are_told(header: str, words: str) -> None:
    assert words in problem(f"-- ---\n-- {header}\n-- ---\nselect 1 as a")


def test_all_keys_that_do_not_go_together_are_told_at_once() -> None:
    text = "-- ---\n-- write: statement\n-- key: [a]\n-- cursor: {column: a, lookback: x}\n-- ---\nselect 1 as a"
    assert len(problems_of(parsed(text))) == 4


@pytest.mark.parametrize("initial", ["0", "-1.5", "1970-01-01", "'0'", "a b", "1970-01-01T00:00:00Z"])
def test_a_cursor_may_begin_with_anything_and_its_placeholder_is_known(initial: str) -> None:
    text = f"-- ---\n-- write: append\n-- cursor: {{column: a, initial: {initial}, lookback: 10 minutes}}\n-- ---\nselect a from t where a > $Cursor"
    cursor = good(text).header.cursor
    assert cursor is not None
    assert str(cursor.initial) == initial.strip("'")


@pytest.mark.parametrize(
    "query",
    [
        "create table x as select 1", "drop table x", "alter table x add column y int", "insert into x select 1", "update x set a = 1", "delete from x",
        "merge into x using y on x.a = y.a when matched then delete", "copy (select 1) to 'x.csv'", "copy x from 'x.csv'", "attach 'x.db'", "detach x",
        "install httpfs", "load httpfs", "set threads = 1", "pragma database_list", "call f()", "use x", "begin", "vacuum", "explain select 1",
        "describe x", "summarize x", "export database 'x'", "with a as (insert into x select 1 returning *) select * from a", "select * into x from y",
        "truncate x", "",
        "-- nothing\n",
    ],
)  # fmt: skip
def test_anything_but_a_query_is_refused(query: str) -> None:
    assert "this file must hold one query" in problem(query) or "a query may only read" in problem(query)


@pytest.mark.parametrize("query", ["select 1; select 2", "select 1; drop table x", "select 1;\n;select 2"])
def test_two_statements_are_refused(query: str) -> None:
    assert "expected one statement, found 2" in problem(query)


@pytest.mark.parametrize(
    "query", ["select 1", "from t", "(select 1)", "select 1 union all select 2", "with a as (select 1) select * from a", "select 1;"]
)
def test_every_form_of_a_query_is_taken(query: str) -> None:
    assert good(query).facts.error == ""


def test_a_syntax_error_is_told_with_the_line_in_the_file() -> None:
    assert "ingest/raw/orders.sql:6:" in problem("-- ---\n-- write: append\n-- ---\nselect 1,\n  2\nfrom from from")


def test_placeholders_that_are_known_stay_and_others_are_refused() -> None:
    assert good("select $run_id, $run_started_at, '$other'").sql == "select $run_id, $run_started_at, '$other'"
    assert "unknown placeholder $day / Known here: $run_id, $run_started_at." in problem("select $day")
    assert "unknown placeholder" in problem("select ?")


def test_the_five_functions_are_rendered_and_edges_noted() -> None:
    file = good(
        "select * from {{ ref('orders') }} join {{ source('s', 't') }} using (id) limit {{ var('limit') }} -- {{ env_var('REGION') }} {{ this }}"
    )
    assert file.sql == 'select * from "db"."main"."orders" join "db"."s"."t" using (id) limit 7 -- emea "raw"."orders"'
    assert (file.refs, file.sources) == ((("orders",),), (("s", "t"),))


def test_a_name_that_is_not_there_is_the_files_own_problem() -> None:
    assert "there is no relation for ref('nope',)" in problem("select * from {{ ref('nope') }}")


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ ''.__class__ }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ ref.__globals__ }}", "{{ ref('orders').__class__ }}",
        "{{ this|attr('__class__') }}", "{{ nope }}", "{{ nope() }}", "{{ range(3) }}", "{{ lipsum() }}", "{{ cycler }}", "{{ 1 / 0 }}",
        "{{ '{a}'.format() }}", "{{ '{}'.format() }}", "{{ 'a'.encode('nope') }}", "{{ source('a') }}", "{{ ref(", "{% if %}", "{% for %}",
        "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{{ 'a' + 1 }}", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{{ '{0.__class__}'.format(this) }}", "{{ '%d'|format('x') }}", "{% set x = [] %}{{ x.append(1) }}",
    ],
)  # fmt: skip
def test_hostile_or_broken_jinja_is_the_files_own_problem(jinja: str) -> None:
    file = parsed(f"select {jinja}")
    assert isinstance(file.error, ParseError)
    assert str(file.error).startswith("ingest/raw/orders.sql")
    assert file.sql == ""


def test_loops_that_would_fill_the_memory_are_stopped() -> None:
    loops = "".join(f"{{% for {name} in 'xxxxxxxxxxxxxxxxxxxx' %}}" for name in "abcdefghij")
    assert f"more than {MAX_RENDERED:,} characters" in problem(f"select '{loops}{'y' * 5000}{'{% endfor %}' * 10}'")


def test_a_query_nested_too_deeply_is_told_so() -> None:
    assert "too deeply" in problem("select " + "(" * 5000 + "1" + ")" * 5000)
