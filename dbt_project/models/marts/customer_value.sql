with orders as (
  select
    customer_id,
    count(*) as orders,
    sum(case when status = 'returned' then 0 else amount end) as revenue,
    max(order_date) as last_order_date
  from {{ ref('fct_orders') }}
  group by customer_id
),

events as (
  select customer_id, count(*) as events
  from {{ ref('fct_events') }}
  where customer_id is not null
  group by customer_id
)

select
  customers.customer_id,
  customers.customer_name,
  customers.country_code,
  coalesce(orders.orders, 0) as orders,
  coalesce(orders.revenue, 0) as revenue,
  orders.last_order_date,
  coalesce(events.events, 0) as events
from {{ ref('stg_customers') }} as customers
left join orders on customers.customer_id = orders.customer_id
left join events on customers.customer_id = events.customer_id
