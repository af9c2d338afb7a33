select * from {{ ref('crm', 'accounts') }} join {{ ref('contacts', v='beta') }} using (account_id)
