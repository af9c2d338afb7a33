{% snapshot orders_history %}
{{ config(unique_key='order_id', strategy='check', check_cols=['status', 'amount'], target_schema='history') }}
select * from {{ source('raw', 'orders') }}
{% endsnapshot %}
