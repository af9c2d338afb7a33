{{ config(materialized='incremental', unique_key=['day', 'shop'], incremental_strategy='delete+insert', on_schema_change='append_new_columns') }}
select *, {{ function('half') }}(amount) as half from {{ ref('revenue') }}
