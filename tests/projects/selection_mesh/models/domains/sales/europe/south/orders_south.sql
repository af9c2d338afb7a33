{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail', full_refresh=false) }}
select * from {{ ref('base_orders') }} where region = 'south'
