select * from {{ source('crm_raw', 'companies') }}, {{ ref('accounts') }} where false
