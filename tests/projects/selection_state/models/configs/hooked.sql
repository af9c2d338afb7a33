{{ config(pre_hook="select 'now'") }}
select 1 as id
