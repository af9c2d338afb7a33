select * from {{ ref('fct_orders') }} join {{ ref('currencies') }} on true join {{ ref('helper', 'stg_rates') }} on true
