"""A project whose tables remember: incrementals of every strategy, snapshots of both strategies, a microbatch, seeds."""

from __future__ import annotations

from project_writer import Round, Scenario
from small_project import PLACE

_PREFIX = "select id, customer, amount, status, updated_at, updated_at::date as day from {{ source('raw', 'events') }}"
_NEWER = "{% if is_incremental() %} where updated_at > (select max(updated_at) from {{ this }}) {% endif %}"


def _events(rows: int, changed: int) -> str:
    """Return a script for `raw.events`: `changed` of the first rows get a later time and other values, one row is deleted."""
    return f"""
create schema if not exists raw;
create or replace table raw.events as
select
  i::integer as id,
  'c' || (i % 7) as customer,
  (i * 11 % 97 + case when i <= {changed} then {changed} else 0 end)::decimal(10, 2) as amount,
  case when i <= {changed} then 'changed' when i % 3 = 0 then null else 'new' end as status,
  timestamp '2024-01-01' + to_hours(i * 5) + case when i <= {changed} then interval 60 days else interval 0 days end as updated_at
from range(1, {rows}) as r(i)
where i <> {changed + 20};
"""


def _incremental(config: str, body: str = f"{_PREFIX} {_NEWER}") -> str:
    return f"{{{{ config(materialized='incremental', {config}) }}}}\n{body}\n"


def _snapshots() -> str:
    def one(name: str, lines: str) -> str:
        return f"  - name: {name}\n    relation: ref('latest')\n    config:\n      unique_key: id\n{lines}"

    timestamp = "      strategy: timestamp\n      updated_at: updated_at\n"
    return "version: 2\nsnapshots:\n" + "".join(
        [
            one("by_time", timestamp) + "    columns: [{name: dbt_scd_id, data_tests: [unique]}]\n",
            one("by_time_deleted", timestamp + "      hard_deletes: new_record\n"),
            one("by_time_ended", timestamp + "      hard_deletes: invalidate\n      dbt_valid_to_current: \"timestamp '9999-12-31'\"\n"),
            one("by_value", "      strategy: check\n      check_cols: [amount, status]\n      schema: history\n"),
            one("by_any_value", "      strategy: check\n      check_cols: all\n"),
        ]
    )


_SCHEMA = """\
version: 2
sources:
  - name: raw
    schema: raw
    tables:
      - name: events
        config: {event_time: updated_at}
seeds:
  - name: customers
    config: {column_types: {discount: "decimal(5, 3)"}}
    columns: [{name: customer, data_tests: [unique, not_null]}]
models:
  - name: merged
    columns: [{name: id, data_tests: [unique, not_null]}]
  - name: per_customer
    columns: [{name: customer, data_tests: [{relationships: {arguments: {to: ref('customers'), field: customer}}}]}]
"""

_FIRST = {
    **PLACE,
    "seeds/customers.csv": "customer,name,discount,since\n" + "".join(f'c{i},"Name, {i}",0.{i}5,2023-0{i + 1}-01\n' for i in range(7)),
    "seeds/empty.csv": "a,b\n",
    "models/schema.yml": _SCHEMA,
    "models/latest.sql": "{{ config(materialized='view') }}\nselect * from {{ source('raw', 'events') }}",
    "models/appended.sql": _incremental("incremental_strategy='append'"),
    "models/stock.sql": _incremental("unique_key='id'"),
    "models/replaced.sql": _incremental("incremental_strategy='delete+insert', unique_key=['customer', 'day']"),
    "models/limited.sql": _incremental("incremental_strategy='delete+insert', unique_key='id', incremental_predicates=['id > 3']"),
    "models/merged.sql": _incremental("incremental_strategy='merge', unique_key='id'"),
    "models/merged_some.sql": _incremental("incremental_strategy='merge', unique_key='id', merge_update_columns=['amount']"),
    "models/merged_others.sql": _incremental("incremental_strategy='merge', unique_key='id', merge_exclude_columns=['amount']"),
    "models/kept.sql": _incremental("incremental_strategy='append', full_refresh=false"),
    "models/widened.sql": _incremental("incremental_strategy='append', on_schema_change='append_new_columns'"),
    "models/synced.sql": _incremental("incremental_strategy='delete+insert', unique_key='id', on_schema_change='sync_all_columns'"),
    "models/narrow.sql": _incremental("incremental_strategy='append', on_schema_change='ignore'"),
    "models/by_year.sql": _incremental(
        "incremental_strategy='microbatch', event_time='updated_at', begin='2022-01-01', batch_size='year', lookback=3", _PREFIX
    ),
    "models/per_customer.sql": """\
{{ config(materialized='table') }}
select c.customer, c.name, count(m.id) as events, sum(m.amount * (1 - c.discount)) as paid, count(b.id) as in_years
from {{ ref('customers') }} as c
left join {{ ref('merged') }} as m using (customer)
left join {{ ref('by_year') }} as b on b.id = m.id
group by all
""",
    "models/open_versions.sql": "select id, status from {{ ref('by_time') }} where dbt_valid_to is null",
    "snapshots/snapshots.yml": _snapshots(),
}
_COLUMN = _PREFIX.replace("as day", "as day, amount * 2 as twice")


def changing(name: str = "changing", *, more: bool = False) -> Scenario:
    """First load; changed, new and deleted rows with changed seeds and columns; `more` of those; full refresh after more changes."""
    second = {
        "seeds/customers.csv": str(_FIRST["seeds/customers.csv"]).replace("0.35", "0.5").replace("Name, 2", "Näme 2") + "c8,Eight,,\n",
        "models/widened.sql": _incremental("incremental_strategy='append', on_schema_change='append_new_columns'", f"{_COLUMN} {_NEWER}"),
        "models/synced.sql": _incremental(
            "incremental_strategy='delete+insert', unique_key='id', on_schema_change='sync_all_columns'",
            f"{_COLUMN.replace('customer, ', '')} {_NEWER}",
        ),
        "models/narrow.sql": _incremental("incremental_strategy='append', on_schema_change='ignore'", f"{_COLUMN} {_NEWER}"),
    }
    return Scenario(
        name,
        (
            Round(_FIRST, _events(60, 0)),
            Round(second, _events(80, 9)),
            *([Round({}, _events(85, 14))] if more else []),
            Round({}, _events(90, 17), ("--full-refresh",)),
        ),
        clock=frozenset({"main.by_time_deleted", "main.by_time_ended", "history.by_value", "main_history.by_value", "main.by_any_value"}),
    )
