{{ config(tags=['now']) }}
select 1 from {{ ref('reads_kept') }} where false
