"""What Jinja may do with the bounds of a slice while dbt compiles a model, told with Jinja alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2.sandbox import SandboxedEnvironment
from penstock.dbt.slice_vars import compiled_code, explained, is_sliced
from penstock.errors import ProjectError

PARTITIONS = {"penstock": {"partitions": {"day": {"every": "day", "start": "2024-01-01"}}}}


class Compiler:
    """Renders a node's code; `var` finds what the command line said, then the default."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def compile_node(self, node: Any, _manifest: Any, _extra: Any, write: bool) -> Any:
        given = self.config.cli_vars

        def var(name: str, default: Any = "unset") -> Any:
            try:
                return given[name]
            except KeyError:
                return default

        assert not write
        template = SandboxedEnvironment().from_string(node.raw_code)
        return SimpleNamespace(compiled_code=template.render(var=var, datetime=datetime, counted=next(COUNT)))


COUNT = iter(range(1000))


@dataclass
class Node:
    """As much of dbt's node as is looked at."""

    raw_code: str
    name: str = "m"
    meta: Any = field(default_factory=lambda: PARTITIONS)
    materialized: str = "table"
    strategy: str | None = None
    depends_on: Any = field(default_factory=lambda: SimpleNamespace(nodes=[], macros=[]))
    is_ephemeral_model: bool = False

    @property
    def config(self) -> Any:
        return SimpleNamespace(meta=self.meta, materialized=self.materialized, incremental_strategy=self.strategy)


NOTHING = SimpleNamespace(nodes={}, macros={})


def compiled(code: str, given: dict[str, Any] | None = None, manifest: Any = NOTHING, **more: Any) -> str:
    config = SimpleNamespace(cli_vars=given or {})
    try:
        return compiled_code(Compiler(config), Node(code, **more), manifest, given or {})
    finally:
        assert config.cli_vars == (given or {})


def test_what_is_printed_becomes_a_mark_and_other_variables_stay_what_they_are() -> None:
    code = "'{{ var('penstock_start', '2024-01-01') }}' {{ var('mine') }} {% set end = var('penstock_end') %}'{{ 'a' ~ end }}'"
    assert compiled(code, {"mine": 5}) == "'{penstock_start}' 5 'a{penstock_end}'"


@pytest.mark.parametrize(
    "use",
    [
        "var('penstock_start')[:10]", "var('penstock_start') | replace('-', '')", "var('penstock_start') | upper",
        "var('penstock_start').split(' ')[0]", "var('penstock_start') > '2024'", "var('penstock_start') == '2024-01-01 00:00:00'",
        "'01' in var('penstock_start')", "var('penstock_start') | length", "var('penstock_start') + 'x'",
        "datetime.strptime(var('penstock_start'), '%Y')", "datetime.fromisoformat(var('penstock_start') ~ '')",
    ],
)  # fmt: skip
def test_jinja_that_looks_at_the_value_is_refused(use: str) -> None:
    with pytest.raises(ProjectError, match="its Jinja does more with"):
        compiled(f"{{{{ {use} }}}}")


def test_jinja_may_ask_whether_there_is_a_value() -> None:
    assert compiled("{% if var('penstock_end', none) %}'{{ var('penstock_end') }}'{% endif %}") == "'{penstock_end}'"


@pytest.mark.parametrize(
    "more",
    [
        {"meta": {}}, {"meta": {"penstock": {"partitions": {}}}}, {"meta": {"penstock": "text"}}, {"materialized": "view"},
        {"materialized": "incremental", "strategy": "microbatch"},
    ],
)  # fmt: skip
def test_no_other_node_is_given_any(more: dict[str, Any]) -> None:
    assert compiled("{{ var('penstock_start', 'default') }}", **more) == "default"
    assert not is_sliced(Node("", **more))
    assert is_sliced(Node("", materialized="incremental", strategy="append"))


def test_a_query_that_does_not_ask_may_differ_each_time() -> None:
    assert compiled("select {{ counted }} as n").startswith("select ")


def test_a_value_on_the_command_line_is_refused_where_it_would_count() -> None:
    with pytest.raises(ProjectError, match="so that Penstock sets `penstock_end`"):
        compiled("'{{ var('penstock_end') }}'", {"penstock_end": "2024-01-01"})
    assert compiled("'{{ var('penstock_start') }}'", {"penstock_end": "2024-01-01"}) == "'{penstock_start}'"


@pytest.mark.parametrize(("inner", "macro"), [("{{ var('penstock_end') }}", ""), ("{{ m() }}", "{% macro m() %}{{ var('penstock_end') }}")])
def test_an_ephemeral_model_that_reads_the_bounds_is_refused_however_deep(inner: str, macro: str) -> None:
    def takes(*nodes: str, macros: tuple[str, ...] = ()) -> Any:
        return SimpleNamespace(nodes=list(nodes), macros=list(macros))

    nodes = {
        "outer": Node("select 1", "outer", is_ephemeral_model=True, depends_on=takes("inner")),
        "inner": Node(inner, "inner", is_ephemeral_model=True, depends_on=takes(macros=("first",))),
        "table": Node("{{ var('penstock_end') }}", "table"),
    }
    macros = {
        "first": SimpleNamespace(macro_sql="", depends_on=takes(macros=("second", "first"))),
        "second": SimpleNamespace(macro_sql=macro, depends_on=takes()),
    }
    manifest = SimpleNamespace(nodes=nodes, macros=macros)
    with pytest.raises(ProjectError, match="m takes in inner, an ephemeral model"):
        compiled("select 1", manifest=manifest, depends_on=takes("table", "outer"))
    assert compiled("select 1", manifest=manifest, depends_on=takes("table")) == "select 1"


def test_what_dbt_says_of_a_missing_variable_is_explained_only_for_these() -> None:
    assert explained("Required var 'mine' not found in config") == "Required var 'mine' not found in config"
    assert "Only models with `meta.penstock.partitions`" in explained("Required var 'penstock_partition' not found in config:")
