{{ config(group='blue') }}
select 1 as id
