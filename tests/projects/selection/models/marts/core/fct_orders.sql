{{ config(materialized='table') }}
select * from {{ ref('stg_orders') }} join {{ ref('stg_payments') }} using (order_id) join {{ ref('dim_customers') }} using (customer_id)
