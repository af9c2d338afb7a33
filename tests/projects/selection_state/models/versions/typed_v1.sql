{{ config(materialized='table') }}
select 'a' as word
