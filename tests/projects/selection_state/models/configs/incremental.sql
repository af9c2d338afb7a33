{{ config(materialized='incremental', unique_key=['id', 'day']) }}
select 1 as id, 2 as day
