select
  event_id,
  customer_id,
  event_type,
  occurred_at,
  split_part(page, '/', 3)::bigint as product_id
from {{ source('raw', 'events') }}
