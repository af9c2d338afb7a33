"""The cache of compiled queries gives back what it was given, and never what may have another text next time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from penstock.app.compiled import CACHE_VERSION, CompiledQueries
from penstock.assets.asset import Asset, Kind
from penstock.assets.names import RelationName
from penstock.errors import ProjectError
from penstock.parser.query import read_query

SQL = 'select now(), c.d from "a"."b"."c", my_macro(1), \'x/*.csv\''
FACTS = read_query(SQL, "duckdb")
VIEW = Asset(key="model.a", kind=Kind.MODEL, name="a", materialized="view", fingerprint="f1")


class Compiler:
    """Stands for dbt; counts how often it is asked."""

    def __init__(self, sql: str = SQL) -> None:
        self.sql = sql
        self.asked: list[str] = []

    def compile(self, key: str) -> str:
        self.asked.append(key)
        return self.sql


def cache(folder: Path, compiler: Compiler | None = None) -> CompiledQueries:
    return CompiledQueries(folder / "compiled.json", compiler)  # type: ignore[arg-type]


def test_what_is_kept_of_the_query_here_is_of_every_kind() -> None:
    table = RelationName("a", "b", "c")
    assert (FACTS.tables, FACTS.files, FACTS.unknown, FACTS.volatile) == ((table,), ("x/*.csv",), ("my_macro(...)",), ("now",))
    assert FACTS.reads[table] == {"c", "d"}, "what stands before the dot might be a column with fields"
    assert FACTS.canonical


def test_a_query_is_compiled_once_and_kept_over_processes(tmp_path: Path) -> None:
    compiler = Compiler()
    queries = cache(tmp_path, compiler)
    assert queries.get(VIEW) == queries.get(VIEW) == (SQL, FACTS)
    queries.save({"f1"})
    assert cache(tmp_path).get(VIEW) == (SQL, FACTS)
    assert compiler.asked == ["model.a"]


def test_other_code_is_compiled_anew(tmp_path: Path) -> None:
    compiler = Compiler()
    queries = cache(tmp_path, compiler)
    queries.get(VIEW)
    assert not queries.has(replace(VIEW, fingerprint="f2"))
    queries.get(replace(VIEW, fingerprint="f2"))
    assert len(compiler.asked) == 2


@pytest.mark.parametrize(
    "more", [{"recompile": True}, {"materialized": "incremental"}, {"materialized": "my_own"}, {"materialized": "snapshot"}]
)
def test_what_may_render_otherwise_next_time_is_never_kept(tmp_path: Path, more: dict[str, Any]) -> None:
    compiler = Compiler()
    queries = cache(tmp_path, compiler)
    asset = replace(VIEW, **more)
    queries.add({"f1": "stale"})
    assert not queries.has(asset)
    assert queries.get(asset)[0] == queries.get(asset)[0] == SQL
    assert len(compiler.asked) == 2


def test_queries_rendered_without_dbt_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    queries = cache(tmp_path)
    queries.add({"f1": SQL})
    assert queries.get(VIEW) == (SQL, FACTS)
    queries.add({"f1": "never mind: it is known"})
    assert queries.get(VIEW)[0] == SQL


def test_what_the_graph_no_longer_holds_is_dropped(tmp_path: Path) -> None:
    queries = cache(tmp_path)
    queries.add({"f1": "select 1", "f2": "select 2"})
    queries.save({"f2"})
    assert set(json.loads((tmp_path / "compiled.json").read_text())["queries"]) == {"f2"}


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    cache(tmp_path).save({"f1"})
    assert not (tmp_path / "compiled.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 0, "queries": {"f1": ["select 1", null]}}', "[" * 5000])
def test_a_damaged_cache_or_one_of_another_version_is_empty(tmp_path: Path, text: str) -> None:
    assert CACHE_VERSION > 0
    (tmp_path / "compiled.json").write_text(text)
    assert not cache(tmp_path).has(VIEW)


def test_without_dbt_an_unknown_query_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="model.a was never compiled"):
        cache(tmp_path).get(VIEW)


def test_a_folder_that_cannot_be_written_loses_only_the_cache(tmp_path: Path) -> None:
    queries = cache(tmp_path / "gone")
    queries.add({"f1": "select 1"})
    queries.save({"f1"})
    assert not (tmp_path / "gone").exists()
