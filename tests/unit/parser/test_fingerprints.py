"""A fingerprint changes when, and only when, something changes that can change what a node builds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from manifest_builder import Json, asset, data_test, macro, manifest, model, seed, source

CODE = "{{ outer() }} {{ var('used') }} {{ env_var('USED') }} select * from {{ ref('parent') }}, {{ ref('eph') }}"
HOOK = {"sql": "grant {{ var('hooked') }}"}
BASE = manifest(
    source(),
    model("parent", "select 1", "source.shop.raw.orders"),
    model("grand", "select 2"),
    model("eph", "select {{ var('eph_used') }} from {{ ref('grand') }}", "model.shop.grand", materialized="ephemeral"),
    model("m", CODE, "model.shop.parent", "model.shop.eph", macros=("macro.shop.outer",), config={"post-hook": [HOOK]}, constraints=[]),
    data_test("t", "model.shop.m", kwargs={"column_name": "id", "model": "{{ get_where_subquery(ref('m')) }}", "least": "{{ var('kw') }}"}),
    seed("s"),
    macros=(
        macro("outer", "{{ inner() }} {{ env_var('DEEP') }}", "macro.shop.inner"),
        macro("inner"),
        macro("late", "x"),
        macro("unrelated"),
        macro("get_where_subquery", package="dbt"),
    ),
)
CONTEXT: dict[str, Any] = {
    "vars": {"used": 1, "unused": 1, "eph_used": 1, "hooked": 1, "kw": 1}, "env": {"USED": "1", "UNUSED": "1", "DEEP": "1"}, "target": "dev",
    "files": {"seeds/s.csv": "1", "seeds/other.csv": "1"},
}  # fmt: skip
Change = Callable[[Json, Json], object]


def fingerprint(change: Change | None = None, key: str = "model.shop.m") -> str:
    raw, context = copy.deepcopy(BASE), copy.deepcopy(CONTEXT)
    if change is not None:
        change(raw, context)
    return asset(raw, key, **context).fingerprint


def _node(name: str, **values: Any) -> Change:
    return lambda raw, _: raw["nodes"][name].update(values)


def _config(name: str, **values: Any) -> Change:
    return lambda raw, _: raw["nodes"][name]["config"].update({key.replace("__", "-"): value for key, value in values.items()})


def _macro(name: str, **values: Any) -> Change:
    return lambda raw, _: raw["macros"][name].update(values)


def _context(part: str, name: str, value: Any = 2) -> Change:
    return lambda _, context: context[part].update({name: value})


M = "model.shop.m"
CHANGES: dict[str, tuple[str, Change]] = {
    "raw code": (M, _node(M, raw_code=CODE + " ")),
    "its own relation": (M, _node(M, relation_name='"db"."other"."m"')),
    "materialization": (M, _config(M, materialized="table")),
    "unique key": (M, _config(M, unique_key="id")),
    "a config nobody knows": (M, _config(M, my_own=1)),
    "a hook": (M, _config(M, post__hook=[{"sql": "select 2"}])),
    "meta.penstock": (M, _config(M, meta={"penstock": {"partitions": 1}})),
    "contract": (M, _node(M, contract={"enforced": True})),
    "constraints": (M, _node(M, constraints=[{"type": "not_null"}])),
    "a macro it calls": (M, _macro("macro.shop.outer", macro_sql="other")),
    "a macro further away": (M, _macro("macro.shop.inner", macro_sql="other")),
    "what a macro calls": (M, _macro("macro.shop.inner", depends_on={"macros": ["macro.shop.late"]})),
    "a var it names": (M, _context("vars", "used")),
    "a var that goes away": (M, lambda _, context: context["vars"].pop("used")),
    "a var named in a hook": (M, _context("vars", "hooked")),
    "a var of an ephemeral parent": (M, _context("vars", "eph_used")),
    "an environment variable it names": (M, _context("env", "USED", "2")),
    "an environment variable of a macro": (M, _context("env", "DEEP", "2")),
    "a parent's relation": (M, _node("model.shop.parent", relation_name='"db"."main"."p2"')),
    "an ephemeral parent's code": (M, _node("model.shop.eph", raw_code="select 3")),
    "the relation that an ephemeral parent reads": (M, _node("model.shop.grand", relation_name='"db"."main"."g2"')),
    "another parent": (M, _node(M, depends_on={"nodes": ["model.shop.parent"], "macros": ["macro.shop.outer"]})),
    "a test's arguments": ("test.shop.t", _node("test.shop.t", test_metadata={"name": "not_null", "kwargs": {"column_name": "other"}})),
    "a test's column": ("test.shop.t", _node("test.shop.t", column_name="other")),
    "a test's condition": ("test.shop.t", _config("test.shop.t", where="id > 1")),
    "a test's severity": ("test.shop.t", _config("test.shop.t", severity="warn")),
    "a var in a test's arguments": ("test.shop.t", _context("vars", "kw")),
    "the macro that makes a test's condition": ("test.shop.t", _macro("macro.dbt.get_where_subquery", macro_sql="other")),
    "what a test tests": ("test.shop.t", _node(M, relation_name='"db"."main"."m2"')),
    "a seed's checksum": ("seed.shop.s", _node("seed.shop.s", checksum={"name": "sha256", "checksum": "d"})),
    "a large seed's content": ("seed.shop.s", _context("files", "seeds/s.csv")),
}

SAME: dict[str, tuple[str, Change]] = {
    "tags": (M, _node(M, tags=["x"])),
    "configured tags": (M, _config(M, tags=["x"])),
    "meta": (M, _node(M, meta={"x": 1})),
    "configured meta": (M, _config(M, meta={"owner": "me"})),
    "docs": (M, _config(M, docs={"show": False})),
    "description": (M, _node(M, description="better")),
    "columns without a contract": (M, _node(M, columns={"id": {"name": "id", "data_type": "int"}})),
    "group and access": (M, _config(M, group="g", access="private")),
    "freshness": (M, _config(M, freshness={"build_after": {"count": 1, "period": "day"}})),
    "the yaml file": (M, _node(M, patch_path="shop://other.yml")),
    "a var it does not name": (M, _context("vars", "unused")),
    "an environment variable it does not name": (M, _context("env", "UNUSED", "2")),
    "a macro it does not reach": (M, _macro("macro.shop.unrelated", macro_sql="other")),
    "a parent's code": (M, _node("model.shop.parent", raw_code="select 2")),
    "the target when nothing reads it": (M, lambda _, context: context.update(target="prod")),
    "another seed's content": ("seed.shop.s", _context("files", "seeds/other.csv")),
    "a test's description": ("test.shop.t", _node("test.shop.t", description="why")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_changes_with(name: str) -> None:
    key, change = CHANGES[name]
    assert fingerprint(change, key) != fingerprint(None, key)


@pytest.mark.parametrize("name", SAME)
def test_it_does_not_change_with(name: str) -> None:
    key, change = SAME[name]
    assert fingerprint(change, key) == fingerprint(None, key)


def test_it_is_the_same_every_time() -> None:
    assert fingerprint() == fingerprint(_context("vars", "used", 1))


def changed_by(code: str, first: Json, second: Json, **more: Any) -> bool:
    """Whether a model of that code has another fingerprint in another context."""
    raw = manifest(model("m", code, **more))
    return asset(raw, M, **first).fingerprint != asset(raw, M, **second).fingerprint


def test_jinja_that_reads_variables_by_names_it_makes_up_depends_on_all_of_them() -> None:
    for code in (
        "{{ var('a' ~ 'b') }}",
        "{% set v = var %}{{ v('ab') }}",
        "{% for n in names %}{{ var(n) }}{% endfor %}",
        "{{ var.has_var('ab') }}",
    ):
        assert changed_by(code, {"vars": {"ab": 1}}, {"vars": {"ab": 2}}), code


def test_jinja_that_names_the_target_depends_on_it() -> None:
    assert changed_by("{{ target.name }}", {"target": "dev"}, {"target": "prod"})
    assert not changed_by("select 1", {"target": "dev"}, {"target": "prod"})


@pytest.mark.parametrize(
    "code", ["{{ config.get('meta').x }}", "{{ model.description }}", "{{ model['tags'] }}", "{% set m = model %}{{ m.meta.x }}"]
)
def test_jinja_that_reads_the_nodes_own_description_depends_on_it(code: str) -> None:
    def print_of(config: Json, **more: Any) -> str:
        return asset(manifest(model("m", code, config=config, **more)), M).fingerprint

    assert len({print_of({}), print_of({"meta": {"x": 1}}), print_of({}, description="d"), print_of({}, tags=["t"])}) == 4


def test_two_nodes_of_one_text_are_told_apart() -> None:
    """Jinja such as {{ model.name }} gives each another query, and compiled queries are kept by fingerprint."""
    raw = manifest(*({**data_test(name, kwargs={"x": 1}), "raw_code": "select '{{ model.name }}'"} for name in "tu"))
    assert asset(raw, "test.shop.t").fingerprint != asset(raw, "test.shop.u").fingerprint


def test_columns_count_under_a_contract() -> None:
    def print_of(data_type: str) -> str:
        columns = {"id": {"name": "id", "data_type": data_type, "description": data_type}}
        return asset(manifest(model("m", config={"contract": {"enforced": True}}, columns=columns)), M).fingerprint

    assert print_of("int") != print_of("bigint")


def test_a_macro_called_only_in_a_branch_that_was_not_taken_counts() -> None:
    """Dbt does not list it: it renders with is_incremental() false and notes only the macros that were called."""
    code = "select 1 {% if is_incremental() %} where {{ newer() }} {% endif %}"

    def print_of(text: str) -> str:
        return asset(manifest(model("m", code, materialized="incremental"), macros=(macro("newer", text),)), M).fingerprint

    assert print_of("a > 1") != print_of("a > 2")


def test_a_unit_test_depends_on_its_rows() -> None:
    def print_of(rows: list[Json], **more: Any) -> str:
        unit = {
            "resource_type": "unit_test",
            "name": "u",
            "model": "m",
            "given": [{"rows": rows}],
            "expect": {},
            "depends_on": {"nodes": [M]},
            **more,
        }
        return asset(manifest(model("m"), unit_tests={"unit_test.shop.m.u": unit}), "unit_test.shop.m.u").fingerprint

    assert print_of([{"a": 1}]) != print_of([{"a": 2}])
    assert print_of([{"a": 1}]) == print_of([{"a": 1}], description="why")


def test_moving_an_external_sources_files_counts() -> None:
    def print_of(location: str) -> str:
        moved = source(meta={"external_location": location})
        return asset(manifest(moved, model("m", "x", "source.shop.raw.orders")), M).fingerprint

    assert print_of("a/*.csv") != print_of("b/*.csv")
