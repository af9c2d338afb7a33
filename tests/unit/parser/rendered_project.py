"""A project whose models use Jinja in many ways: what is rendered without dbt, and what must be left to it."""

from __future__ import annotations

from pathlib import Path

PROFILES = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 2}}}\n"
PROJECT = """\
name: shop
profile: shop
vars: {top: 9}
flags: {send_anonymous_usage_stats: false}
models: {shop: {+materialized: view}}
"""
SCHEMA = """\
sources:
  - name: raw
    tables: [{name: orders, identifier: Orders 1}, {name: items, database: other, schema: "odd schema"}]
  - name: lake
    meta: {external_location: "x/{name}.csv"}
    tables: [{name: files}]
models:
  - name: versioned
    latest_version: 2
    versions: [{v: 1}, {v: 2}]
  - name: plain
    data_tests:
      - unique: {arguments: {column_name: id}}
      - relationships: {arguments: {column_name: id, to: ref('other'), field: id}}
  - name: other
    columns: [{name: id, data_tests: [not_null]}]
unit_tests:
  - name: adds
    model: after_both
    given: [{input: ref('plain'), rows: []}, {input: ref('other'), rows: []}]
    expect: {rows: []}
"""
TEST = "select * from {{ ref('plain') }} join {{ ref('ref_double') }} using (id) where id < 0"

RENDERED = {
    "plain": "select 1 as id",
    "other": "select 2 as id",
    "ref_single": "select * from {{ ref('plain') }}",
    "ref_double": 'select * from {{ref("plain")}} as x join {{   ref( "other" )   }} using (id)',
    "ref_package": "select * from {{ ref('helper', 'helped') }} union all select * from {{ ref('shop', 'plain') }}",
    "ref_seed": "select * from {{ ref('colours') }}",
    "ref_over_lines": "select * from {{\n  ref(\n    'plain'\n  )\n}} where true",
    "from_sources": "select * from {{ source('raw', 'orders') }}, {{ source(\"raw\",\"items\") }}",
    "configured": "{{ config(materialized='table', tags=['a', \"b\"], alias='Al ias') }}\n\nselect * from {{ ref('plain') }}\n\n",
    "configured_over_lines": "\n{{\n  config(\n    materialized = 'table',\n  )\n}}\nselect 1 as one",
    "configured_last": "select 1 as one\n{{ config(schema='marts') }}",
    "in_comments": "select 1 as one -- {{ ref('plain') }}\n/* {{ ref('other') }} */",
    "in_text": "select '{{ ref('plain') }}' as \"a {{ ref('other') }}\"",
    "windows_line_ends": "select 1 as one,\r\n  2 as two\r\nfrom {{ ref('plain') }}\r\n",
    "old_mac_line_ends": "select 'a\rb' as one from {{ ref('plain') }}",
    "windows_without_jinja": "select 1 as one,\r\n  'a\r\nb' as two\r\n",
    "percent_and_braces": "select 10 % 3 as a, {'b': 1}.b as b, '} }' as c, '}}' as d, '%}' as e\r\n",
    "unicode_text": "select 'ö\u2028\u00a0ß' as \"Ünï\" from {{ ref('plain') }}\u00a0",
    "tabs_and_spaces": "\t select\t1 as one \n \t from {{\tref('plain')\t}} \t",
    "after_both": "select p.id from {{ ref('plain') }} as p join {{ ref('other') }} as o using (id)",
    "backslash": "select 'a\\b\\n' as one from {{ ref('plain') }}",
    "quotes": "select \"a''b\", 'c\"\"d' from {{ ref('plain') }} where x = $$ {{ ref('other') }} $$",
    "odd-näme.1": "select 1 as one",
    "reads_odd_name": "select * from {{ ref('odd-näme.1') }}",
}

LEFT_TO_DBT = {
    "with_block": "select 1 as one {% if true %}, 2 as two{% endif %}",
    "with_comment": "select 1 as one {# ref('plain') #}",
    "trimmed": "select 1 as one from {{- ref('plain') }}",
    "trimmed_after": "select 1 as one from {{ ref('plain') -}}  x",
    "with_plus": "select 1 as one from {{+ ref('plain') }}",
    "with_var": "select {{ var('top') }} as one",
    "with_env": "select '{{ env_var('HOME', 'x') }}' as one",
    "with_target": "select '{{ target.name }}' as one",
    "with_this": "select '{{ this }}' as one",
    "with_macro": "select {{ one() }} as one",
    "with_filter": "select * from {{ ref('plain') | upper }}",
    "with_attribute": "select '{{ ref('plain').identifier }}' as one",
    "with_arithmetic": "select {{ 1 + 1 }} as one",
    "with_string": "select '{{ \"{{\" }}' as one",
    "with_raw": "select '{% raw %}{{ ref(x) }}{% endraw %}' as one",
    "config_with_braces": "{{ config(meta={'a': 1}) }}select 1 as one",
    "config_with_call": "{{ config(materialized=var('m', 'view')) }}select 1 as one",
    "ref_version": "select * from {{ ref('versioned', v=1) }}",
    "ref_latest": "select * from {{ ref('versioned') }}",
    "ref_ephemeral": "select * from {{ ref('inlined') }}",
    "ref_twins": "select * from {{ ref('twin') }} union all select * from {{ ref('helper', 'twin') }}",
    "external_source": "select * from {{ source('lake', 'files') }}",
    "dynamic_ref": "select * from {{ ref('pl' ~ 'ain') }}",
    "two_statements_in_one": "select '{{ ref('plain') }}{{ 1 }}' as one",
}

OTHERS = {
    "inlined": "{{ config(materialized='ephemeral') }} select * from {{ ref('plain') }}",
    "versioned_v1": "select 1 as one",
    "versioned_v2": "select 2 as one",
    "twin": "{{ config(alias='twin_here') }}select 1 as one",
    "grows": "{{ config(materialized='incremental') }} select 1 as one {% if is_incremental() %} where {{ newer() }} {% endif %}",
}


def write_project(folder: Path) -> None:
    """Write the project and its one package, which stands where `dbt deps` links a local one to."""
    files = {
        "dbt_project.yml": PROJECT,
        "profiles.yml": PROFILES,
        "packages.yml": "packages: [{local: helper}]\n",
        "models/schema.yml": SCHEMA,
        "tests/joined.sql": TEST,
        "seeds/colours.csv": "id,name\n1,red\n",
        "macros/macros.sql": "{% macro one() %}1{% endmacro %}\n{% macro newer() %}one > 1{% endmacro %}",
        "helper/dbt_project.yml": "name: helper\nversion: '1.0'\n",
        "helper/models/helped.sql": "select 3 as id",
        "helper/models/twin.sql": "select 4 as id",
        **{f"models/{name}.sql": code for name, code in {**RENDERED, **LEFT_TO_DBT, **OTHERS}.items()},
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (folder / "dbt_packages").mkdir()
    (folder / "dbt_packages" / "helper").symlink_to(folder / "helper")
