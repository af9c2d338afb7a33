select * from {{ ref('contacts') }} join {{ source('crm_raw', 'companies') }} using (company_id)
