-- ---
-- select: stg_orders stg_events
-- description: Orders and events may reach us a little before their customer does, but only a few of them.
-- severity: warn
-- warn_if: "> 1% of total"
-- when: after
-- ---
select *
from this
where
  customer_id is not null
  and customer_id not in (select customer_id from {{ ref('stg_customers') }})
