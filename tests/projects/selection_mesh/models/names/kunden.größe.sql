{{ config(tags=['größe', 'TAG', 'two words']) }}
select * from {{ ref('café') }}
