{{ config(tags=['hourly'], pre_hook="select 1") }}
select * from {{ ref('base_orders') }} join {{ ref('order_lines') }} using (order_id)
