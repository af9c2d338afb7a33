"""A check file is a header and one query; what is wrong with it stays with that file and says where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from penstock.assets.names import RelationName
from penstock.errors import ParseError
from penstock.parser.checks import CheckFile, duplicates, parse_check
from penstock.parser.sql_file import Names


def _ref(*names: str, **_: Any) -> RelationName:
    if names[-1] != "orders":
        raise ParseError(f"there is no relation for ref{names!r}", hint="Did you mean `orders`?")
    return RelationName("db", "main", "orders")


NAMES = Names(
    ref=_ref,
    source=lambda source, table: RelationName("db", source, table),
    var=lambda name, default=None: {"most": 7}.get(name, default),
    env_var=lambda name, default="": {"REGION": "emea"}.get(name, default),
)
HEAD = "-- ---\n-- select: stg_orders\n-- ---\n"


def parsed(text: str, path: str = "checks/refunds.sql") -> CheckFile:
    return parse_check(path, text, NAMES)


def good(header: str = "", query: str = "select * from this where amount < 0") -> CheckFile:
    lines = "".join(f"-- {line}\n" for line in header.splitlines())
    file = parsed(f"-- ---\n-- select: stg_orders\n{lines}-- ---\n{query}")
    assert file.error is None, file.error
    return file


def problem(text: str) -> str:
    file = parsed(text)
    assert (file.name, file.spec.path) == ("refunds", "checks/refunds.sql")
    told = file.spec.error
    assert told
    assert all(str(one) in told and one.hint in told for one in file.problems)
    return "\n".join(f"{one} / {one.hint}" for one in file.problems)


def test_the_name_is_the_files_and_the_defaults_are_those_of_an_error_before_publishing() -> None:
    spec = good().spec
    assert (spec.select, spec.exclude, spec.severity, spec.error_if, spec.warn_if) == (("stg_orders",), (), "error", "!= 0", "!= 0")
    assert (spec.blocking, spec.scope, spec.when, spec.limit) == (True, "", "before_publish", 100)
    assert (parsed(HEAD + "from this", "checks/money/Refunds 2.sql").name, spec.error) == ("Refunds 2", "")


@pytest.mark.parametrize(
    ("header", "blocking", "when"),
    [
        ("severity: warn", False, "after"),
        ("severity: WARN\nwhen: before_publish", False, "before_publish"),
        ("severity: ERROR", True, "before_publish"),
        ("blocking: false", False, "after"),
        ("blocking: true\nwhen: after", True, "after"),
        ("severity: warn\nblocking: false", False, "after"),
    ],
)
def test_errors_block_and_what_blocks_runs_before_publishing(header: str, blocking: bool, when: str) -> None:
    spec = good(header).spec
    assert (spec.blocking, spec.when) == (blocking, when)


def test_every_key_is_read() -> None:
    file = good(
        'exclude: [a, "tag:x b"]\nerror_if: ">10"\nwarn_if: "> 1% of total"\nscope: table\nlimit: 0\nowner: me\ntags: [on]\ndescription: d'
    )
    spec = file.spec
    assert (spec.exclude, spec.error_if, spec.warn_if, spec.scope, spec.limit) == (("a", "tag:x b"), ">10", "> 1% of total", "table", 0)
    assert (file.header.owner, file.header.tags, file.header.description) == ("me", ["on"], "d")
    assert (file.at("limit").line, file.at("nothing").line) == (7, 1)


def test_the_demos_checks_are_read() -> None:
    folder = Path(__file__).parents[3] / "checks"
    files = [
        parse_check(
            f"checks/{path.name}",
            path.read_text(),
            Names(lambda *_: RelationName("", "main", "stg_customers"), NAMES.source, NAMES.var, NAMES.env_var),
        )
        for path in folder.glob("*.sql")
    ]
    assert files and all(file.error is None and file.stand_ins == {"this"} for file in files)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select 1", "checks/refunds.sql:1: `select` is missing / Say which assets it tests"),
        ("-- ---\n-- select: '  '\n-- ---\nselect 1", "refunds.sql:2: `select` is missing"),
        ("-- ---\n-- select: a\nselect 1", "refunds.sql:3: the header is not closed"),
        ("-- ---\n-- select: a\n-- severty: warn\n-- ---\nselect 1", "refunds.sql:3: unknown key `severty` / Did you mean `severity`?"),
        ("-- ---\n-- select: a\n-- severity: fatal\n-- ---\nselect 1", "refunds.sql:3: `severity`"),
        ("-- ---\n-- select: a\n-- severity: warn\n-- blocking: true\n-- ---\nselect 1", "refunds.sql:4: a warning cannot be blocking"),
        ("-- ---\n-- select: a\n-- warn_if: '> 1% of rows'\n-- ---\nselect 1", "refunds.sql:3: `warn_if`: `> 1% of rows` is not a threshold / Write an operator"),
        ("-- ---\n-- select: a\n-- limit: -1\n-- ---\nselect 1", "refunds.sql:3: `limit`"),
        ("-- ---\n-- select: a\n-- fail_calc: sum(n)\n-- ---\nselect 1", "unknown key `fail_calc`"),
        ("-- ---\n-- select: [a\n-- ---\nselect 1", "broken YAML"),
    ],
)  # fmt: skip
def test_a_broken_header_is_told_with_its_line(text: str, words: str) -> None:
    assert words in problem(text)


def test_all_problems_of_a_header_are_told_together() -> None:
    header = "-- ---\n-- error_if: often\n-- warn_if: 10\n-- severity: warn\n-- blocking: true\n-- ---\nselect 1"
    assert "`warn_if`" in problem(header)  # not even text: nothing else can be looked at
    assert len(parsed(header.replace("10", "'10'")).problems) == 4


@pytest.mark.parametrize(
    "query",
    ["create table x as select 1", "delete from this", "insert into x select 1", "update this set a = 1", "copy this to 'x.csv'", "attach 'x'",
     "set threads = 1", "with a as (insert into x select 1 returning *) select * from a", "select * into x from this", "truncate this", ""],
)  # fmt: skip
def test_anything_but_a_query_is_refused(query: str) -> None:
    assert "this file must hold one query" in problem(HEAD + query) or "a query may only read" in problem(HEAD + query)


def test_two_statements_are_refused_with_file_and_line() -> None:
    assert "checks/refunds.sql:4: this file must hold one query: expected one statement, found 2" in problem(HEAD + "select 1; select 2")


def test_what_cannot_be_parsed_is_told_with_the_line_in_the_file() -> None:
    assert "checks/refunds.sql:6:" in problem(HEAD + "select 1,\n  2\nfrom from from")


def test_a_query_nested_too_deeply_is_told_not_raised() -> None:
    assert "nested too deeply" in problem(HEAD + "select " + "(" * 3000 + "1" + ")" * 3000)


@pytest.mark.parametrize("placeholder", ["$run_id", "?", "$1"])
def test_there_are_no_placeholders(placeholder: str) -> None:
    assert "a check has no placeholders" in problem(f"{HEAD}select * from this where a = {placeholder}")


def test_names_of_dbt_are_rendered_and_said() -> None:
    file = good(
        query="select * from this where a not in (select a from {{ ref('orders') }}) and b in (select b from {{ source('raw', 'b') }}) and n < {{ var('most') }}"
    )
    assert (file.refs, file.sources) == ((("orders",),), (("raw", "b"),))
    assert file.facts.tables == (RelationName("db", "main", "orders"), RelationName("db", "raw", "b"))
    assert file.sql.endswith("n < 7")


def test_an_unknown_name_is_told_with_its_line_and_its_hint() -> None:
    assert "refunds.sql:5: there is no relation for ref('ordrs',) / Did you mean `orders`?" in problem(
        HEAD + "select *\nfrom {{ ref('ordrs') }}"
    )


def test_macros_are_not_known() -> None:
    assert "Jinja" in problem(HEAD + "select * from {{ get_where() }}")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("select * from THIS join history using (day)", {"this", "history"}),
        ("select * from {{ this }}", {"this"}),
        ("with this as (select 1) select * from this", set()),
        ("with history as (select * from history) select * from history", {"history"}),
        ("select 'from this' as text -- from history", set()),
        ("select * from main.this, main.history", set()),
    ],
)
def test_this_and_history_are_stand_ins_unless_they_are_something_else(query: str, found: set[str]) -> None:
    file = good(query=query)
    assert file.stand_ins == found
    assert file.spec.reads_history == ("history" in found)
    assert not {table.identifier.lower() for table in file.facts.tables if not table.schema} & {"this", "history"}


@pytest.mark.parametrize(
    ("text", "sql", "line"),
    [
        ("select 1", "select 1", 4),
        ("\n \n  select 1 ;\n", "select 1", 6),
        ("select 1; -- done", "select 1", 4),
        (";\n\nselect ';'; ;", "select ';'", 6),
        ("-- why\nselect 1 -- ;\n", "-- why\nselect 1 -- ;", 4),
    ],
)
def test_a_query_is_kept_without_semicolons_around_it(text: str, sql: str, line: int) -> None:
    file = good(query=text)
    assert (file.sql, file.first_line) == (sql, line)


def test_a_name_used_twice_is_told_for_every_later_file() -> None:
    files = [parsed(HEAD + "from this", path) for path in ("checks/z/a.sql", "checks/a.sql", "checks/b.sql", "checks/b/a.sql")]
    assert [f"{one} / {one.hint}" for one in duplicates(files)] == [
        "checks/b/a.sql:1: the check `a` is also in checks/a.sql / Rename one of the files.",
        "checks/z/a.sql:1: the check `a` is also in checks/a.sql / Rename one of the files.",
    ]
    assert duplicates(files[1:3]) == []
