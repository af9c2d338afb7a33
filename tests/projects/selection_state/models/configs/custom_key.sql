{{ config(anything={'goes': 'now'}) }}
select 1 as id
