"""What a Jinja text depends on: variables, macros at any distance, the world outside."""

from __future__ import annotations

import pytest
from manifest_builder import macro
from penstock.parser.macros import MacroIndex, jinja_names, names_volatile, reads_the_world


def index(*macros: dict) -> MacroIndex:
    return MacroIndex({one["unique_id"]: one for one in macros})


@pytest.mark.parametrize(
    ("text", "names", "opaque"),
    [
        ("{{ var('a') }}", {"a"}, False),
        ("{{ var( \"a\" , 1) }}{{var('b')}}", {"a", "b"}, False),
        ("{{ env_var('A') }}", set(), False),
        ("{{ var(name) }}", set(), True),
        ("{{ var('a' ~ name) }}", set(), True),
        ("{{ var('a' if x else 'b') }}", set(), True),
        ("{% set v = var %}{{ v('a') }}", set(), True),
        ("{{ var.has_var('a') }}", set(), True),
        ("{{ builtins.var('a') }}", {"a"}, False),
        ("{{ builtins['var']('a') }}", set(), True),
        ("{{ var('a\\'b') }}", set(), True),
        ("{# var(x) #}select variance(a), var_pop(b)", set(), False),
        ("{{ variable('a') }} my_var('x')", set(), False),
    ],
)
def test_variables_are_found_by_literal_name_and_any_other_use_is_opaque(text: str, names: set[str], opaque: bool) -> None:
    assert jinja_names(text, "var") == (names, opaque)


def test_environment_variables_are_told_apart_from_variables() -> None:
    text = "{{ env_var('A') ~ var('b') ~ env_var(c) }}"
    assert jinja_names(text, "env_var") == ({"A"}, True)
    assert jinja_names(text, "var") == ({"b"}, False)


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ run_query('x') }}", "{% call statement('x') %}", "{% if execute %}", "{{ run_started_at }}", "{{ invocation_id }}", "{{ graph.nodes }}",
        "{{ adapter.get_relation(a, b, c) }}", "{{ adapter . get_columns_in_relation(this) }}", "{{ modules.datetime.date.today() }}",
        "{{ load_relation(this) }}", "{{ dbt.get_columns_in_query('x') }}", "{{ get_columns_in_relation(this) }}", "{{ selected_resources }}",
        "{{ dbt.date_spine('day', a, b) }}", "{{ get_intervals_between(a, b, 'day') }}", "{{ invocation_args_dict }}", "{{ dbt_metadata_envs }}",
    ],
)  # fmt: skip
def test_jinja_that_asks_the_warehouse_the_clock_or_the_run_is_told(jinja: str) -> None:
    assert reads_the_world(jinja)


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ ref('a') }}", "{{ adapter.dispatch('x')() }}", "{{ adapter.quote('x') }}", "{# run_query #}", "{{ var('x') }}", "select executed, graphs",
        "{{ modules.re.match('a', b) }}", "{% for a in b %}{% endfor %}",
    ],
)  # fmt: skip
def test_jinja_that_depends_on_the_project_alone_is_not(jinja: str) -> None:
    assert not reads_the_world(jinja)


def test_the_clock_is_found_in_a_branch_that_was_not_rendered() -> None:
    assert names_volatile("{% if is_incremental() %} where at > NOW() {% endif %}")
    assert names_volatile("where d < current_date")
    assert not names_volatile("{# now() #} select nowhere(x), known(y), random_name")


def test_a_closure_reaches_macros_at_any_distance_also_in_a_ring() -> None:
    found = index(
        macro("a", "", "macro.shop.b"), macro("b", "", "macro.shop.c", "macro.shop.gone"), macro("c", "", "macro.shop.a"), macro("d")
    )
    assert found.closure(["macro.shop.a"]) == ("macro.shop.a", "macro.shop.b", "macro.shop.c")
    assert found.closure(["macro.shop.gone"]) == found.closure([]) == ()


def test_macros_called_in_jinja_are_found_by_name_in_any_branch() -> None:
    found = index(macro("a"), macro("b"), macro("b", package="pack"), macro("is_incremental", package="dbt"), macro("sqlish"))
    jinja = "{% if is_incremental() %}{{ a() }}{% endif %}{{ pack.b () if x else 1 }} select sqlish(1)"
    assert found.called_in(jinja) == {"macro.shop.a", "macro.shop.b", "macro.pack.b"}


def test_only_texts_that_people_wrote_are_looked_into() -> None:
    found = index(macro("a", "MINE"), macro("b", "DBTS", package="dbt"), macro("c", "PACK", package="dbt_utils"))
    assert found.texts(["macro.shop.a", "macro.dbt.b", "macro.dbt_utils.c"]) == "MINE\nPACK"


def test_an_override_is_found_by_name_whatever_adapter_prefix_it_has() -> None:
    stock = macro("materialization_view_default", "", "macro.dbt.create_view_as", package="dbt")
    inner = macro("create_view_as", "", "macro.dbt_duckdb.duckdb__create_view_as", package="dbt")
    deepest = macro("duckdb__create_view_as", package="dbt_duckdb")
    root = ["macro.dbt.materialization_view_default"]
    assert index(stock, inner, deepest, macro("other")).overridden(root) == ()
    for name in ("create_view_as", "duckdb__create_view_as", "default__create_view_as"):
        assert index(stock, inner, deepest, macro(name)).overridden(root) == ("create_view_as",)
    assert index(stock, inner, deepest, macro("create_view_as", package="some_package")).overridden(root) == ("create_view_as",)
    assert index(stock, inner, deepest, macro("create_view_as")).overridden(["macro.dbt.nothing"]) == ()
