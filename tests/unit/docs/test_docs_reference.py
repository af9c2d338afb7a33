"""The generated pages are up to date, and what they say of a key's effect is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from penstock.parser.ingest import IngestHeader, parse_ingest
from penstock.parser.macros import reads_the_world
from penstock.parser.sql_file import Names

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs"))
from reference_notes import INGEST, REFUSED, YES  # noqa: E402

EXAMPLES = {
    "key": "[a]", "cursor": "{column: a}", "partitions": "{day: {every: day}}", "batch": "all", "watch": "'*.csv'", "write": "append",
    "freshness": "{}", "meta": "{a: 1}", "tags": "[a]", "attach": "[a]", "extensions": "[a]", "retries": "{}", "schema_change": "ignore",
    "relation": "a.b", "schedule": "'@daily'",
}  # fmt: skip


def _error(key: str, value: str) -> object:
    def unknown(*_: object, **__: object) -> None:
        raise AssertionError("the query has no Jinja")

    text = f"-- ---\n-- {key}: {value}\n-- ---\nselect 1 as a\n"
    return parse_ingest("ingest/raw/a.sql", text, Names(unknown, unknown, unknown, unknown)).error


def _check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(folder / "generate.py"), "--check"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("key", IngestHeader.model_fields)
def test_only_keys_called_refused_are_refused(key: str) -> None:
    assert ("not supported by this version" in str(_error(key, EXAMPLES.get(key, "text")))) is (INGEST[key][0] == REFUSED)
    assert INGEST[key][0] in {YES, REFUSED}


@pytest.mark.parametrize("mode", ["partition", "upsert", "statement"])
def test_write_modes_need_the_keys_that_they_work_by(mode: str) -> None:
    assert _error("write", mode) is not None


def test_reference_pages_are_up_to_date() -> None:
    found = _check(ROOT / "docs")
    assert found.returncode == 0, found.stderr


def test_a_page_that_is_out_of_date_is_named(tmp_path: Path) -> None:
    for path in (ROOT / "docs").iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "cli.md").write_text("old", encoding="utf-8")
    found = _check(tmp_path)
    assert (found.returncode, found.stderr) == (1, "Out of date: docs/cli.md. Run `make docs`.\n")


def test_guarantees_list_jinja_that_is_volatile_indeed() -> None:
    markers = _listed("volatile jinja") - {"adapter.dispatch", "adapter.quote"}
    assert markers
    assert [
        marker for marker in markers if not reads_the_world(f"{{{{ {marker}x() }}}}" if marker == "adapter." else f"{{{{ {marker} }}}}")
    ] == []
    assert not reads_the_world("{{ adapter.dispatch('a') }} {{ adapter.quote('a') }}")


def _listed(title: str) -> frozenset[str]:
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"`([\w.]+)`", page.split(f"<!-- {title} -->")[1].split("<!-- end -->")[0]))
