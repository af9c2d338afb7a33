"""A project that uses what the native executor leaves to dbt, under names that need quoting."""

from __future__ import annotations

from project_writer import Round, Scenario, raw_tables
from small_project import PLACE

_PROJECT = (
    str(PLACE["dbt_project.yml"])
    + """\
on-run-start:
  - "create schema if not exists audit"
  - "create table if not exists audit.runs (what varchar)"
  - "{{ note_start() }}"
on-run-end:
  - "create or replace table audit.ended as select {{ results | length > 0 }} as had_results"
  - "create or replace table audit.schemas as select unnest({{ schemas | sort | list }}) as name"
vars:
  least: 3
models:
  small:
    +persist_docs: {relation: true, columns: true}
    plain:
      +persist_docs: {relation: false, columns: false}
    elsewhere:
      +schema: Other Place
    stamped:
      +materialized: stamped
"""
)

_MACROS = """\
{% macro note_start() %}
  {% if execute %} create or replace table audit.started as select '{{ target.name }}' as target {% else %} select 1 {% endif %}
{% endmacro %}

{% macro generate_schema_name(custom_schema_name, node) %}
  {{ (custom_schema_name or target.schema) | trim }}
{% endmacro %}

{% macro generate_alias_name(custom_alias_name=none, node=none) %}
  {{ custom_alias_name | trim if custom_alias_name else node.name ~ ('_t' if node.resource_type == 'seed') ~ ('_v' ~ node.version if node.version) }}
{% endmacro %}

{% materialization stamped, adapter='duckdb' %}
  {% set target_relation = this.incorporate(type='table') %}
  {{ run_hooks(pre_hooks) }}
  {% call statement('main') %}
    create or replace table {{ target_relation }} as select *, 'stamped' as stamp from ({{ sql }})
  {% endcall %}
  {{ run_hooks(post_hooks) }}
  {{ adapter.commit() }}
  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro duckdb__scalar_function_create_replace_signature_sql(target_relation) %}
  create or replace macro {{ target_relation.render() }} ({% for a in model.arguments %}{{ a.name }}{{ ", " if not loop.last }}{% endfor %}) as
{% endmacro %}
{% macro duckdb__scalar_function_body_sql() %} ({{ model.compiled_code }}) {% endmacro %}

{% test at_least(model, column_name, least) %}
select {{ column_name }} from {{ model }} where {{ column_name }} < {{ least }}
{% endtest %}
"""

_SCHEMA = """\
version: 2
sources:
  - name: raw
    schema: raw
    tables: [{name: facts}, {name: groups}]
models:
  - name: promised
    description: "Keeps its 'promise'; -- really"
    config: {contract: {enforced: true}, materialized: table}
    constraints: [{type: check, expression: "id >= 0"}]
    columns:
      - {name: id, data_type: bigint, description: "The id, \\"quoted\\"", constraints: [{type: not_null}]}
      - {name: val, data_type: "decimal(18, 2)"}
      - {name: grp, data_type: varchar}
  - name: promised_view
    config: {contract: {enforced: true}, materialized: view}
    columns: [{name: id, data_type: bigint}]
  - name: hooked
    description: Has hooks
    columns:
      - {name: id, description: The number}
      - name: val
        data_tests:
          - at_least: {arguments: {least: 50}, config: {store_failures: true, severity: warn}}
          - not_null: {config: {store_failures: true, store_failures_as: view, schema: kept}}
  - name: odd_name
    columns: [{name: "Mixed Case", quote: true, data_tests: [not_null]}, {name: select, quote: true, data_tests: [unique]}]
  - name: versioned
    latest_version: 2
    versions: [{v: 1}, {v: 2}]
unit_tests:
  - name: adds_up
    model: twice
    given: [{input: ref('promised'), rows: [{id: 1, val: 2.5, grp: a}]}]
    expect: {rows: [{id: 1, more: 5}]}
seeds:
  - name: colours
    description: Of things
    config: {quote_columns: true, delimiter: ";"}
"""

_FUNCTION = """\
functions:
  - name: half_of
    arguments: [{name: x, data_type: double}]
    returns: {data_type: double}
"""

_PYTHON = """\
def model(dbt, session):
    dbt.config(materialized="table")
    facts = dbt.ref("hooked")
    return facts.filter("id < 20").project("id, val * 3 as thrice")
"""

_FIRST = {
    **PLACE,
    "dbt_project.yml": _PROJECT,
    "macros/all.sql": _MACROS,
    "models/schema.yml": _SCHEMA,
    "functions/half_of.sql": "x / 2",
    "functions/functions.yml": _FUNCTION,
    "seeds/colours.csv": 'n;Full Name\n1;red; \n2;"dark; green"\n'.replace("red; ", "red"),
    "models/promised.sql": "select grp, id, val from {{ source('raw', 'facts') }} where id > {{ var('least') }}",
    "models/promised_view.sql": "select id from {{ ref('promised') }}",
    "models/twice.sql": "{{ config(materialized='table') }}\nselect id, val * 2 as more from {{ ref('promised') }}",
    "models/hooked.sql": """\
{{ config(
    materialized='table',
    pre_hook=["delete from audit.runs where what = 'before'", "insert into audit.runs select 'before'"],
    post_hook=[{"sql": "alter table {{ this }} add column added integer default 5", "transaction": true},
               {"sql": "create or replace table audit.after as select count(*) as rows from {{ this }}", "transaction": false}]
) }}
select id, val, day from {{ source('raw', 'facts') }}
""",
    "models/stamped/a_stamped.sql": "select id, day from {{ ref('hooked') }}",
    "models/stamped/after_stamped.sql": "{{ config(materialized='view') }}\nselect count(*) as many, min(stamp) as stamp from {{ ref('a_stamped') }}",
    "models/elsewhere/moved.sql": "{{ config(alias='Order') }}\nselect id from {{ ref('promised') }}",
    "models/elsewhere/moved_table.sql": "{{ config(materialized='table', alias='group by') }}\nselect * from {{ ref('moved') }}",
    "models/plain/odd_name.sql": """\
{{ config(materialized='table', alias='Odd Näme; select', schema='select') }}
select n as "select", "Full Name" as "Mixed Case" from {{ ref('colours') }}
""",
    "models/plain/reads_odd.sql": """{{ config(alias='UPPER') }}\nselect "Mixed Case" || '!' as "a ""b"" c" from {{ ref('odd_name') }}""",
    "models/plain/reads_upper.sql": "{{ config(materialized='table') }}\nselect * from {{ ref('reads_odd') }} -- the end",
    "models/plain/headed.sql": (
        "{{ config(materialized='table') }}\n{% call set_sql_header(config) %} create or replace temp macro plus_one(x) as x + 1; {% endcall %}\n"
        "select plus_one(id) as next from {{ ref('promised') }}"
    ),
    "models/plain/halves.sql": "{{ config(materialized='table') }}\nselect id, {{ function('half_of') }}(id) as half from {{ ref('promised') }}",
    "models/plain/asks.sql": (
        "{{ config(materialized='table') }}\n{% set groups = run_query('select distinct grp from raw.groups order by 1') %}\n"
        "select {% if execute %}{{ groups.rows | length }}{% else %}0{% endif %} as groups, '{{ this.identifier }}' as name"
    ),
    "models/plain/versioned_v1.sql": "select 1 as one",
    "models/plain/versioned_v2.sql": "{{ config(materialized='table') }}\nselect * from {{ ref('versioned', v=1) }}",
    "models/plain/reads_version.sql": "select * from {{ ref('versioned') }}",
    "models/plain/from_python.py": _PYTHON,
}


def features() -> Scenario:
    """Two rounds: everything at once; then other rows, a hook, a macro and a variable changed."""
    second = {
        "dbt_project.yml": _PROJECT.replace("least: 3", "least: 5"),
        "macros/all.sql": _MACROS.replace("'stamped' as stamp", "'stamped twice' as stamp"),
        "models/hooked.sql": str(_FIRST["models/hooked.sql"]).replace("default 5", "default 6"),
        "models/plain/reads_odd.sql": str(_FIRST["models/plain/reads_odd.sql"]).replace("'!'", "'?'"),
    }
    rounds = (Round(_FIRST, raw_tables(3, 90)), Round(second, raw_tables(4, 110)))
    return Scenario("features", rounds, leave_out=frozenset({"audit.schemas"}))  # `schemas` holds those of nodes that ran
