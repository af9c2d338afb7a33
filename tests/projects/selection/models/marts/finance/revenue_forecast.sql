select * from {{ ref('revenue_daily') }} join {{ ref('dim_customers', v=3) }} on true
