select * from {{ ref('crm', 'accounts') }}
