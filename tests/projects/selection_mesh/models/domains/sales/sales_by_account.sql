{{ config(meta={'cost': {'centre': '43'}}) }}
select * from {{ ref('europe') }} join {{ ref('mesh', 'accounts') }} using (account_id) join {{ ref('crm', 'accounts') }} using (account_id)
