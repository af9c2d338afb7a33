{{ config(materialized='table', docs={'show': true}) }}
select 1 as id
