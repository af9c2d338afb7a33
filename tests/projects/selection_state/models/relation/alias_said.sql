{{ config(alias='alias_said') }}
select 1 as id
