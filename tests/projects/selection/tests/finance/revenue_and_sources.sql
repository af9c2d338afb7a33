select * from {{ ref('revenue_daily') }}, {{ source('raw', 'payments') }} where false
