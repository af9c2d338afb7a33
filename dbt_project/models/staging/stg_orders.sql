select
  order_id,
  customer_id,
  product_id,
  quantity,
  status,
  ordered_at,
  order_date
from {{ source('raw', 'orders') }}
