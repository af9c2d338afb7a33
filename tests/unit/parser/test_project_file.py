"""`penstock.yml`: every key optional, only env_var() rendered, every mistake with its line."""

from __future__ import annotations

import pytest
from penstock.errors import ParseError, PenstockError, Problems
from penstock.parser.project_file import ProjectFile, read_project_file


def read(text: str, **env: str) -> ProjectFile:
    return read_project_file(text, "penstock.yml", env)


def test_an_empty_file_has_the_defaults() -> None:
    assert read("") == ProjectFile()
    assert (read("").ingest, read("").state_schema, read("").defaults.executor) == ("ingest", "penstock", "auto")


def test_env_var_is_rendered_at_any_depth() -> None:
    file = read("target: \"{{ env_var('T') }}\"\nattach: {shop: {path: \"/x/{{ env_var('D', 'y') }}.db\"}}", T="prod")
    assert (file.target, file.attach["shop"].path) == ("prod", "/x/y.db")


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ParseError, match="environment variable T is not set") as caught:
        read("target: \"{{ env_var('T') }}\"")
    assert "default" in caught.value.hint


@pytest.mark.parametrize("value", ["{{ var('x') }}", "{{ env_var(x) }}", "{{ 1 + 1 }}", "{{ ''.__class__ }}"])
def test_any_other_jinja_is_refused(value: str) -> None:
    with pytest.raises(ParseError, match="only env_var"):
        read(f'target: "{value}"', x="1")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("target: dev\nstate_shema: x", 2, "state_shema"),
        ("defaults: {executor: magic}", 1, "defaults.executor"),
        ("\n\nstate_schema: ''", 3, "state_schema"),
        ("extensions: json", 1, "extensions"),
        ("attach: {shop: {}}", 1, "attach.shop.path"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ParseError) as caught:
        read(text)
    assert str(caught.value).startswith(f"penstock.yml:{line}: ")
    assert words in str(caught.value)


def test_several_mistakes_are_told_together() -> None:
    with pytest.raises(Problems) as caught:
        read("a: 1\nb: 2")
    assert [str(problem.at) for problem in caught.value.problems] == ["penstock.yml:1", "penstock.yml:2"]


@pytest.mark.parametrize("text", ["- a", "just text", "extensions: &a [*a]", "1: 2", "target: 1: 2"])
def test_a_file_of_another_shape_is_refused_by_name(text: str) -> None:
    with pytest.raises(PenstockError, match="penstock.yml"):
        read(text)
