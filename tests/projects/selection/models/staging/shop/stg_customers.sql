{{ config(tags=['nightly', 'pii']) }}
select * from {{ source('raw', 'customers') }}
