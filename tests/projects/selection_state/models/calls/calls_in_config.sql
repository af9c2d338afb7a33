{{ config(meta={'said': changed()}) }}
select 1 as id
