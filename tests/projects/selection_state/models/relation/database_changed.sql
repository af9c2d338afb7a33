{{ config(database='warm') }}
select 1 as id
