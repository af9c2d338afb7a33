{{ config(tags=['weekly']) }}
select * from {{ ref('europe') }}, {{ source('landing', 'never_read') }}
