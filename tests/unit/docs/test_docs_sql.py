"""The documentation's blocks of SQL and YAML are run, so that they cannot rot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from docs_store import filled_store
from penstock.app.reading import PUBLIC_VIEWS
from penstock.parser.checks import parse_check
from penstock.parser.ingest import parse_ingest
from penstock.parser.project_file import read_project_file
from penstock.parser.sql_file import Names
from penstock.state.store import Statements

ROOT = Path(__file__).parents[3]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


def _blocks(language: str, pages: list[Path]) -> list[Any]:
    found = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append(pytest.param(page.name, match[1], id=f"{page.name}:{line}"))
    return found


def _sql(*, files: bool) -> list[Any]:
    blocks = [block for block in _blocks("sql", PAGES) if not block.values[1].startswith("-- not run")]
    return [block for block in blocks if block.values[1].startswith("-- ---") is files]


@pytest.fixture(scope="module")
def store() -> Statements:
    return filled_store()


@pytest.mark.parametrize(("page", "sql"), _sql(files=False))
def test_every_query_of_the_documentation_runs_and_finds_rows(store: Statements, page: str, sql: str) -> None:
    for statement in filter(str.strip, re.split(r";\s*$", sql, flags=re.MULTILINE)):
        rows = store.connection.execute(statement)
        assert rows or page == "README.md", "the query finds nothing in a store that has something to find"


@pytest.mark.parametrize(("page", "text"), _sql(files=True))
def test_every_ingestion_file_and_check_of_the_documentation_is_accepted(page: str, text: str) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise AssertionError("an example should stand alone")

    names = Names(unknown, unknown, unknown, unknown)
    file = parse_check("checks/example.sql", text, names) if page == "checks.md" else parse_ingest("ingest/raw/example.sql", text, names)
    assert file.error is None


@pytest.mark.parametrize(("page", "text"), _blocks("yaml", [ROOT / "docs" / "formats.md"]))
def test_every_penstock_yml_of_the_documentation_is_accepted(page: str, text: str) -> None:
    read_project_file(text, "penstock.yml", {})


@pytest.mark.parametrize("view", PUBLIC_VIEWS)
def test_every_public_view_has_the_documented_columns(store: Statements, view: str) -> None:
    page = (ROOT / "docs" / "state.md").read_text(encoding="utf-8")
    section = page.split(f"\n## `{view}`\n")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \| ([\w\[\]]+) \|", section, re.MULTILINE)
    assert documented == [row[:2] for row in store.connection.execute(f'describe penstock."{view}"')]


def test_state_page_names_every_table(store: Statements) -> None:
    page = (ROOT / "docs" / "state.md").read_text(encoding="utf-8").split("\n## Fact tables\n")[1].split("\n## ")[0]
    tables = store.connection.execute("select table_name from duckdb_tables() where schema_name = 'penstock'")
    assert {row[0] for row in tables} == {
        name for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
