"""What ref, source, var and env_var mean in an ingestion file of a real project."""

from __future__ import annotations

from pathlib import Path

import pytest
from penstock.app.ingest_names import ingest_names
from penstock.assets.asset import Asset, Kind, SourceSpec
from penstock.assets.names import RelationName
from penstock.errors import ParseError
from penstock.parser.manifest import ParsedManifest
from penstock.parser.sql_file import Names
from project_files import DBT_PROJECT, found, write

MODEL = Asset(key="model.shop.m", kind=Kind.MODEL, name="m", relation=RelationName("db", "main", "M 1"))
EPHEMERAL = Asset(key="model.shop.e", kind=Kind.MODEL, name="e", materialized="ephemeral")
SOURCE = Asset(key="source.shop.raw.s", kind=Kind.SOURCE, name="s", relation=RelationName("db", "raw", "s_1"), source=SourceSpec("raw"))


@pytest.fixture
def names(tmp_path: Path) -> Names:
    write(tmp_path, dbt_project_yml=DBT_PROJECT + "vars: {in_file: 1, both: file}\n")
    settings = found(tmp_path, env={"SET": "yes"}, vars={"both": "command line", "nothing": None})
    return ingest_names(settings, ParsedManifest("shop", "", "duckdb", (MODEL, EPHEMERAL, SOURCE), (), (), (), {}))


def test_relations_are_found_by_dbts_names(names: Names) -> None:
    assert names.ref("m") == names.ref("shop", "m") == RelationName("db", "main", "M 1")
    assert names.source("raw", "s") == RelationName("db", "raw", "s_1")


def test_variables_of_the_command_line_come_before_those_of_the_project(names: Names) -> None:
    assert (names.var("both"), names.var("in_file"), names.var("no", 3), names.var("nothing")) == ("command line", 1, 3, None)
    assert (names.env_var("SET"), names.env_var("UNSET", "x")) == ("yes", "x")


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("ref", ("gone",), "gone"),
        ("ref", (), "no model"),
        ("ref", ("e",), "e"),
        ("source", ("raw", "m"), "no source `raw.m`"),
        ("source", ("x", "s"), "no source"),
        ("var", ("gone",), "variable `gone` is not set"),
        ("env_var", ("GONE",), "environment variable GONE is not set"),
    ],
)
def test_a_name_that_is_not_there_is_told(names: Names, function: str, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(ParseError, match=words):
        getattr(names, function)(*arguments)
