{{ config(materialized='table') }}
select 'b' as word, 1 as id
