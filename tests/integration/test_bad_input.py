"""Bad input: one clear message naming file and line and one remedy, the right exit code, no traceback, and nothing lost."""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Make
from small_project import PLACE, PROFILE, SMALL
from workspace import Finished, Workspace

_INGEST = "ingest/raw/numbers.sql"
_DEEP = "(" * 150 + "7" + ")" * 150


def nothing_is_lost(workspace: Workspace) -> None:
    """Check that what the first build made is still there, rows and records."""
    assert workspace.query("select sum(n), sum(twice), count(colour) from coloured") == [(6, 12, 2)]
    assert workspace.query("select count(*) > 0 from penstock.materialization") == [(True,)]


@dataclass(frozen=True)
class Bad:
    """Files that are wrong, and what the message must say; `args` of the command that meets them."""

    title: str
    files: dict[str, str | None]
    says: tuple[str, ...]
    args: tuple[str, ...] = ("build",)
    code: int = 2


REFUSED = [
    Bad(
        "broken YAML in dbt_project.yml",
        {"dbt_project.yml": str(PLACE["dbt_project.yml"]) + "x: [1\n  y: {\n"},
        ("dbt_project.yml:9", "broken YAML", "Check indentation"),
    ),
    Bad(
        "broken YAML in profiles.yml",
        {"profiles.yml": "small:\n  target: dev\n outputs: 3\n"},
        ("profiles.yml:3", "broken YAML", "Check indentation"),
    ),
    Bad("broken YAML in penstock.yml", {"penstock.yml": "ingest: [a\n"}, ("penstock.yml:2", "broken YAML", "Check indentation")),
    Bad(
        "broken YAML in a schema file",
        {"models/models.yml": "version: 2\nmodels:\n  - name: doubled\n   columns: 3\n"},
        ("models/models.yml:4", "Syntax error", "dbt parse"),
    ),
    Bad(
        "unknown keys in penstock.yml, reported together",
        {"penstock.yml": "ingest: ingest\ningets: b\nstate_schemas: x\n"},
        ("penstock.yml:2: unknown key `ingets`", "penstock.yml:3: unknown key `state_schemas`", "Did you mean `state_schema`?"),
    ),
    Bad("a value of the wrong type in penstock.yml", {"penstock.yml": "ingest: {a: 1}\n"}, ("penstock.yml:1", "`ingest`")),
    Bad(
        "a missing profile",
        {"profiles.yml": PROFILE.replace("small:", "smalll:")},
        ("profiles.yml", "no profile `small`", "known: smalll", "Check `profile:`"),
    ),
    Bad("a missing profiles.yml", {"profiles.yml": None}, ("no profiles.yml", "--profiles-dir")),
    Bad("an unknown target", {}, ("profiles.yml", "no target `prod`", "known: dev", "--target"), ("build", "-t", "prod")),
    Bad(
        "a missing environment variable",
        {"profiles.yml": PROFILE.replace("schema: main", "schema: \"{{ env_var('NOT_SET') }}\"")},
        ("profiles.yml", "NOT_SET is not set", "give env_var a default"),
    ),
    Bad(
        "an in-memory database",
        {"profiles.yml": PROFILE.replace('"{{ flags.PROFILES_DIR }}/warehouse.duckdb"', "':memory:'")},
        ("in-memory",),
    ),
    Bad("another engine", {"profiles.yml": PROFILE.replace("duckdb\n", "postgres\n", 1)}, ("profiles.yml", "type `postgres`")),
    Bad(
        "broken Jinja in a model",
        {"models/doubled.sql": "select 1 as n,\n  {{ ref('stg_numbers' }} as twice\n"},
        ("models/doubled.sql:2", "dbt parse"),
    ),
    Bad(
        "a reference to a model that is not there",
        {"models/doubled.sql": "select * from {{ ref('stg_number') }}"},
        ("models/doubled.sql", "stg_number", "dbt parse"),
    ),
    Bad("an unknown flag", {}, ("No such option", "--no-such-flag"), ("build", "--no-such-flag")),
    Bad("an unknown command", {}, ("no command 'biuld'", "Did you mean 'build'"), ("biuld",)),
    Bad("variables that are no mapping", {}, ("--vars", "mapping"), ("build", "--vars", "[1, 2]")),
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.title)
def test_it_is_refused_with_file_line_and_remedy(bad: Bad, small: Workspace) -> None:
    small.write(bad.files)
    done = small.penstock(*bad.args).expect(bad.code)
    for words in bad.says:
        assert words in done.stderr, done.stderr
    assert "nanobind" not in done.stderr and "Error: unexpected" not in done.stderr, done.stderr
    nothing_is_lost(small)


INGESTS = [
    Bad("broken YAML in its header", {_INGEST: "-- ---\n-- watch: [a\n-- ---\nselect 1 as n\n"}, (f"{_INGEST}:3", "broken YAML")),
    Bad("an unknown key in its header", {_INGEST: "-- ---\n-- wach: a\n-- ---\nselect 1 as n\n"}, (f"{_INGEST}:2", "unknown key `wach`")),
    Bad("a header without end", {_INGEST: "-- ---\n-- watch: a\nselect 1 as n\n"}, (f"{_INGEST}:3", "not closed with `-- ---`")),
    Bad("SQL that cannot be parsed", {_INGEST: "-- ---\n-- watch: a\n-- ---\nselect 1 as n,\n  (2 as name\n"}, (f"{_INGEST}:5",)),
    Bad("two statements", {_INGEST: "select 1 as n;\nselect 2 as n\n"}, (_INGEST, "one statement")),
    Bad("a statement that writes", {_INGEST: "drop table doubled\n"}, (f"{_INGEST}:1", "DROP")),
    Bad("an unknown placeholder", {_INGEST: "select $when as n\n"}, (_INGEST, "$when")),
    Bad("too many parentheses", {_INGEST: f"select {_DEEP} as n, 'x' as name\n"}, (_INGEST, "nested too deeply")),
]


_OTHER = {"ingest/raw/other.sql": "select 1 as n"}


@pytest.mark.parametrize("bad", INGESTS, ids=lambda bad: bad.title)
def test_an_ingestion_file_fails_itself_and_its_readers_but_not_the_graph(bad: Bad, small: Workspace) -> None:
    small.write({**bad.files, **_OTHER})
    done = small.penstock("build").expect(1)
    for words in bad.says:
        assert words in done.stdout, done.stdout
    assert "OK created ingest replace raw.other" in done.stdout
    assert "Blocked: model.small.coloured (upstream_failed)" in done.stdout
    nothing_is_lost(small)
    small.write({_INGEST: SMALL[_INGEST]})
    assert "ERROR=0 SKIP=0" in small.penstock("build").expect(0).stdout
    nothing_is_lost(small)


def test_a_lost_reference_and_a_near_key_in_an_ingestion_file_come_with_file_line_and_remedy(small: Workspace) -> None:
    small.write(
        {_INGEST: "select n, 'x' as name\nfrom {{ ref('nowhere') }}\n", "ingest/raw/other.sql": "-- ---\n-- wach: a\n-- ---\nselect 1"}
    )
    done = small.penstock("build").expect(1)
    assert f"{_INGEST}:2" in done.stdout and "nowhere" in done.stdout
    assert "Did you mean `watch`?" in done.stdout


def test_an_ingestion_file_that_is_not_text_fails_itself_and_its_readers(small: Workspace) -> None:
    (small.folder / _INGEST).write_bytes(b"select 1 as n,\n '\xff' as name")
    done = small.penstock("build").expect(1)
    assert f"{_INGEST}:2: this file is not UTF-8 text" in done.stdout
    nothing_is_lost(small)


@pytest.mark.parametrize(("name", "line"), [("models/doubled.sql", ":1"), ("profiles.yml", ""), ("seeds/colours.csv", "")])
def test_a_file_that_is_not_text_is_named(name: str, line: str, small: Workspace) -> None:
    (small.folder / name).write_bytes(b"select 1 as n, '\xff' as twice")
    done = small.penstock("build")
    assert done.code in (1, 2) and "Traceback" not in done.text
    assert f"{name}{line}" in done.text and "unexpected" not in done.text, done.text
    nothing_is_lost(small)


def _without_override() -> None:
    """Take away root's right to read everything (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH), from the next program on."""
    library = ctypes.CDLL(None)
    for capability in (1, 2):
        library.prctl(24, capability, 0, 0, 0)


def _unreadable(workspace: Workspace, name: str, *args: str) -> Finished:
    path = workspace.folder / name
    path.chmod(0)
    try:
        return workspace.penstock("build", *args, preexec=_without_override if os.geteuid() == 0 else None)
    finally:
        path.chmod(0o644)


@pytest.mark.parametrize(
    ("name", "code", "args"),
    [
        ("models/doubled.sql", 2, ()),
        ("dbt_project.yml", 2, ()),
        ("warehouse.duckdb", 2, ()),
        (_INGEST, 1, ()),
        ("data/numbers.csv", 1, ("--force", "-s", "source:raw.numbers")),
    ],
)
def test_a_file_that_may_not_be_read_is_named(name: str, code: int, args: tuple[str, ...], small: Workspace) -> None:
    done = _unreadable(small, name, *args).expect(code)
    assert name in done.text and "ermission" in done.text
    nothing_is_lost(small)


@pytest.mark.parametrize("cut", ["manifest.json", "graph.json"])
def test_a_truncated_file_under_the_target_folder_is_made_anew(cut: str, small: Workspace) -> None:
    path = small.folder / "target" / "penstock" / cut
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    small.replace(_INGEST, "select n, name", "select n + 0 as n, name")
    assert "ERROR=0" in small.penstock("build").expect(0).stdout
    nothing_is_lost(small)


def test_a_manifest_of_a_version_nobody_knows_is_made_anew(small: Workspace) -> None:
    small.replace("target/penstock/manifest.json", "manifest/v12.json", "manifest/v99.json")
    small.replace(_INGEST, "select n, name", "select n + 0 as n, name")
    small.penstock("build").expect(0)
    nothing_is_lost(small)


def test_a_model_with_many_parentheses_is_built_although_it_cannot_be_read(small: Workspace) -> None:
    small.write(
        {
            "models/doubled.sql": f"{{{{ config(materialized='table') }}}}\nselect n, n * 2 + 0 * {_DEEP} as twice from {{{{ ref('stg_numbers') }}}}"
        }
    )
    assert "OK created sql table model main.doubled" in small.penstock("build").expect(0).stdout
    nothing_is_lost(small)
    assert small.decisions()["doubled"] == ("BUILD", "volatile"), "what is not understood is never skipped"


def test_sql_that_the_engine_refuses_fails_the_model_alone(small: Workspace) -> None:
    small.write({"models/doubled.sql": "{{ config(materialized='table') }}\nselect 1 as n,\n  from from x\n"})
    done = small.penstock("build").expect(1)
    assert "models/doubled.sql" in done.stdout and "syntax error" in done.stdout and "penstock runs show" in done.stderr
    nothing_is_lost(small)


def test_a_relation_that_vanished_is_built_again(small: Workspace) -> None:
    small.execute("drop table doubled; drop view stg_numbers")
    assert small.decisions()["doubled"] == ("BUILD", "relation_missing")
    small.penstock("build").expect(0)
    nothing_is_lost(small)


def test_data_that_vanished_fail_their_reader_and_lose_nothing(small: Workspace) -> None:
    small.write({"data/numbers.csv": None})
    done = small.penstock("build").expect(1)
    assert _INGEST in done.stdout and "data/numbers.csv" in done.stdout
    nothing_is_lost(small)
    assert small.query("select count(*) from raw.numbers") == [(3,)]


def test_a_file_that_is_no_database_is_left_as_it_is(small: Workspace) -> None:
    small.database.write_text("These are my notes, not a database.\n" * 100)
    for command in (["build"], ["plan"], ["status"]):
        done = small.penstock(*command).expect(2)
        assert "warehouse.duckdb" in done.stderr and "not a valid DuckDB database" in done.stderr and "Check `path:`" in done.stderr
    assert small.database.read_text() == "These are my notes, not a database.\n" * 100


def test_a_full_disk_loses_nothing_and_the_next_build_goes_on(small: Workspace) -> None:
    big = "{{ config(materialized='table') }}\nselect i as n, md5(i::varchar) as twice from range(2000000) r(i)"
    original = SMALL["models/doubled.sql"]
    small.write({"models/doubled.sql": big})
    limit = small.database.stat().st_size + 8_000_000
    done = small.penstock("build", preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))).expect(1)
    assert "models/doubled.sql" in done.stdout and "Could not write file" in done.stdout
    nothing_is_lost(small)
    small.write({"models/doubled.sql": original})
    small.penstock("build").expect(0)
    nothing_is_lost(small)


def test_a_project_without_models_says_so_and_ends_well(make: Make) -> None:
    for command in ("build", "plan"):
        done = make({}).penstock(command).expect(0)
        assert "nothing to build" in done.stderr and "add a model" in done.stderr


def test_a_folder_without_project_points_to_the_demo(tmp_path: Path) -> None:
    done = Workspace(tmp_path, tmp_path / "x.duckdb").penstock("build").expect(2)
    assert "no dbt project" in done.stderr and "init --demo" in done.stderr
