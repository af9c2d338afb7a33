{{ config(tags=['hourly'], error_if='>5') }}
select * from {{ ref('orders') }}, {{ ref('mesh', 'accounts') }}, {{ source('landing', 'orders') }} where false
