{{ config(alias='alias_now') }}
select 1 as id
