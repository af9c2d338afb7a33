{# A batch is a year because dbt builds every batch from `begin` until today, and the demo's data lie in 2024:
   daily batches would be many hundreds, nearly all of them empty. With live data `day` is the usual size. #}
{{ config(
    materialized='incremental',
    incremental_strategy='microbatch',
    event_time='occurred_at',
    begin='2024-01-01',
    batch_size='year'
) }}

select
  events.event_id,
  events.customer_id,
  events.event_type,
  events.product_id,
  products.category,
  events.occurred_at
from {{ ref('stg_events') }} as events
left join {{ ref('products') }} as products on events.product_id = products.product_id
