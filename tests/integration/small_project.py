"""A project of a few files that builds in no time, and the two files every project needs."""

from __future__ import annotations

PROFILE = """\
small:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: "{{ flags.PROFILES_DIR }}/warehouse.duckdb"
      schema: main
      threads: 4
"""

PLACE = {
    "dbt_project.yml": """\
name: small
version: "1.0"
config-version: 2
profile: small
flags:
  send_anonymous_usage_stats: false
  require_generic_test_arguments_property: true
""",
    "profiles.yml": PROFILE,
}

SMALL = {
    **PLACE,
    "data/numbers.csv": "n,name\n1,one\n2,two\n3,three\n",
    "ingest/raw/numbers.sql": """\
-- ---
-- watch: 'data/numbers.csv'
-- ---
select n, name from read_csv('data/numbers.csv', header = true, columns = {'n': 'integer', 'name': 'varchar'})
""",
    "seeds/colours.csv": "n,colour\n1,red\n2,green\n",
    "models/sources.yml": """\
version: 2
sources:
  - name: raw
    schema: raw
    tables:
      - name: numbers
        columns:
          - name: n
            data_tests: [not_null, unique]
""",
    "models/stg_numbers.sql": "{{ config(materialized='view') }}\nselect n, name from {{ source('raw', 'numbers') }}\n",
    "models/doubled.sql": "{{ config(materialized='table') }}\nselect n, n * 2 as twice from {{ ref('stg_numbers') }}\n",
    "models/coloured.sql": """\
{{ config(materialized='table') }}
select d.n, d.twice, c.colour
from {{ ref('doubled') }} as d
left join {{ ref('colours') }} as c on d.n = c.n
""",
    "models/models.yml": """\
version: 2
models:
  - name: doubled
    columns:
      - name: twice
        data_tests: [not_null]
  - name: coloured
    columns:
      - name: n
        data_tests: [unique]
""",
}
"""An ingestion file, a seed, a view, two tables and five tests; `coloured` reads `doubled`, which reads `stg_numbers`."""
