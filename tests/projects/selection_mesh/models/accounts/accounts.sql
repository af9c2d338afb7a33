select * from {{ ref('crm', 'accounts') }} join {{ ref('regions') }} using (region)
