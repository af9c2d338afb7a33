select * from {{ ref('stg_customers') }} join {{ ref('countries') }} on true
