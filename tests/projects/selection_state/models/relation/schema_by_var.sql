{{ config(schema=var('place')) }}
select 1 as id
