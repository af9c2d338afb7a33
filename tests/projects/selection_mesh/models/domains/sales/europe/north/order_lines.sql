{{ config(materialized='ephemeral') }}
select * from {{ source('landing', 'order_lines') }}
