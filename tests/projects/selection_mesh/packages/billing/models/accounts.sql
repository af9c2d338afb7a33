{{ config(materialized='table', tags=['invoices'], meta={'cost': {'centre': '42'}}) }}
select * from {{ ref('invoices') }} join {{ ref('crm', 'accounts') }} using (account_id)
