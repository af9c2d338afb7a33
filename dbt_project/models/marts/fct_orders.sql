{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='order_id'
) }}

select
  orders.order_id,
  orders.customer_id,
  orders.product_id,
  products.category,
  orders.quantity,
  orders.quantity * products.unit_price as amount,
  orders.status,
  orders.ordered_at,
  orders.order_date
from {{ ref('stg_orders') }} as orders
inner join {{ ref('products') }} as products on orders.product_id = products.product_id

{% if is_incremental() %}
-- Orders change their status for a few days (shipped, returned), so the last three days are read again.
where orders.order_date >= (
  select coalesce(max(order_date), date '1970-01-01') - interval 3 days from {{ this }}
)
{% endif %}
