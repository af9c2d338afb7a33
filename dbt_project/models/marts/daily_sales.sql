select
  order_date,
  category,
  count(*) as orders,
  sum(quantity) as items,
  sum(amount) as revenue
from {{ ref('fct_orders') }}
where status <> 'returned'
group by order_date, category
