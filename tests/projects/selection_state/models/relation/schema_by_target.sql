{{ config(schema=target.name ~ '_' ~ var('place')) }}
select 1 as id
