select * from {{ ref('orders') }} union all select * from {{ ref('orders_south') }}
