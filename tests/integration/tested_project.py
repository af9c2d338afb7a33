"""A project full of dbt tests: of tables, views, seeds, snapshots and sources, that pass, fail, warn and break in every way there is."""

from __future__ import annotations

import json
from typing import Any

from small_project import PLACE

RAW = """
create schema raw;
create table raw.t as from (values (1, 'a', 10), (2, 'b', null), (2, 'b', 20), (4, null, -5), (5, 'c', 7)) as r(id, kind, v);
create table raw.other as select range as id from range(1, 4);
"""

_RELATIONS = {"fact": "ref", "seen": "ref", "listed": "ref", "kept": "ref", "t": "source"}
_CONFIGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plain", {}),
    ("warns", {"severity": "warn"}),
    ("some", {"warn_if": ">0", "error_if": ">10"}),
    ("exact", {"error_if": "= 1", "warn_if": "!= 1"}),
    ("upper", {"severity": "WARN", "error_if": ">0"}),
    ("kept_rows", {"where": "id > 4"}),
    ("limited", {"limit": 1, "error_if": ">1"}),
    ("tagged", {"tags": ["slow"], "severity": "warn"}),
    ("broken", {"where": "no_such_column > 1"}),
)
_TESTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("unique", "id", {}),
    ("not_null", "v", {}),
    ("accepted_values", "kind", {"values": ["a", "b"]}),
)
_OTHERS: tuple[dict[str, Any], ...] = (
    {"relationships": {"name": "known_ids", "arguments": {"to": "ref('small_ids')", "field": "id"}}},
    {"unique": {"name": "most_repeated", "config": {"fail_calc": "max(n_records)", "error_if": ">2"}}},
    {"not_null": {"name": "nothing_counted", "config": {"fail_calc": "sum(no_such)"}}},
    {"not_null": {"name": "null_counted", "config": {"fail_calc": "nullif(count(*), count(*))"}}},
    {"unique": {"name": "stored", "config": {"store_failures": True}}},
    {"unique": {"name": "stored_as_view", "config": {"store_failures_as": "view", "severity": "warn"}}},
    {"unique": {"name": "switched_off", "config": {"enabled": False}}},
    {"helper.at_least": {"name": "large_enough", "arguments": {"least": 2}}},
    {"helper.at_least": {"name": "large_somehow", "arguments": {"least": 2}, "config": {"severity": "warn"}}},
)


def _columns(relation: str) -> list[dict[str, Any]]:
    found: dict[str, list[Any]] = {"id": [], "v": [], "kind": []}
    for number, (kind, column, arguments) in enumerate(_TESTS):
        for label, config in _CONFIGS[number % 2 :: 2] if relation != "fact" else _CONFIGS:
            body = {"name": f"{kind}_{relation}_{label}", "config": config, **({"arguments": arguments} if arguments else {})}
            found[column].append({kind: body})
    if relation == "fact":
        found["id"] += _OTHERS
    return [{"name": name, "data_tests": tests} for name, tests in found.items()]


_SNAPSHOT = {"relation": "source('raw', 't')", "config": {"unique_key": ["id", "v"], "strategy": "check", "check_cols": ["kind"]}}
_SCHEMA: dict[str, Any] = {
    "version": 2,
    "models": [{"name": "fact", "columns": _columns("fact")}, {"name": "seen", "columns": _columns("seen")}],
    "seeds": [{"name": "listed", "columns": _columns("listed")}],
    "snapshots": [{"name": "kept", **_SNAPSHOT, "columns": _columns("kept")}],
    "sources": [{"name": "raw", "schema": "raw", "tables": [{"name": "t", "columns": _columns("t")}, {"name": "other"}]}],
    "unit_tests": [
        {"name": name, "model": "seen", "given": [{"input": "ref('fact')", "rows": [{"id": 1, "v": 2}]}], "expect": {"rows": [{"id": 1, "v": v}]}}
        for name, v in (("keeps_values", 2), ("changes_values", 3))
    ],
}  # fmt: skip

TESTED = {
    **PLACE,
    "packages.yml": "packages: [{local: dbt_packages/helper}]\n",
    "dbt_packages/helper/dbt_project.yml": "name: helper\nversion: '1.0'\nconfig-version: 2\n",
    "dbt_packages/helper/macros/at_least.sql": "{% test at_least(model, column_name, least) %}\n"
    "select {{ column_name }} from {{ model }} where {{ column_name }} < {{ least }}\n{% endtest %}\n",
    "models/schema.yml": json.dumps(_SCHEMA),
    "models/fact.sql": "{{ config(materialized='table') }}\nselect * from {{ source('raw', 't') }}\n",
    "models/seen.sql": "{{ config(materialized='view') }}\nselect * from {{ ref('fact') }}\n",
    "models/short.sql": "{{ config(materialized='ephemeral') }}\nselect id from {{ ref('fact') }} where id > 2\n",
    "models/small_ids.sql": "{{ config(materialized='view') }}\nselect id from {{ source('raw', 'other') }}\n",
    "seeds/listed.csv": "id,kind,v\n1,a,3\n1,z,\n2,b,4\n",
    "tests/none_is_large.sql": "select * from {{ ref('fact') }} where v > 100\n",
    "tests/none_is_negative.sql": "select * from {{ ref('fact') }} where v < 0\n",
    "tests/warns_of_large.sql": "{{ config(severity='warn', tags=['slow']) }}\nselect * from {{ ref('fact') }} where v > 5\n",
    "tests/through_ephemeral.sql": "with more as (select * from {{ ref('short') }}) select m.id from more as m join {{ ref('seen') }} using (id)\n",
    "tests/breaks.sql": "select cast(kind as integer) from {{ source('raw', 't') }}\n",
    "tests/is_no_sql.sql": "select from where {{ ref('fact') }}\n",
    "tests/sampled.sql": "{{ config(limit=2, error_if='>2', warn_if='>1') }}\nselect * from {{ ref('fact') }} -- all of it\n",
    "tests/of_both.sql": "select f.id from {{ ref('fact') }} as f anti join {{ ref('listed') }} as l using (id)\n",
    "tests/of_nothing.sql": "select 1 as one where false\n",
}  # fmt: skip
