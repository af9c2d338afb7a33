{{ config(tags=['slow'], severity='warn', meta={'owner': 'ops'}) }}
select * from {{ ref('stg_orders') }} join {{ ref('stg_payments') }} using (order_id) join {{ ref('fct_orders') }} using (order_id) where false
