{{ config(severity='warn', tags=['kept']) }}
select 1 from {{ ref('reads_kept') }} where false
