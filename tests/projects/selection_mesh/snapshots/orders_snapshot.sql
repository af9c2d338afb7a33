{% snapshot orders_snapshot %}
{{ config(unique_key='order_id', strategy='timestamp', updated_at='updated_at', target_schema='snaps', tags=['kept']) }}
select * from {{ ref('orders') }}
{% endsnapshot %}
{% snapshot off_snapshot %}
{{ config(unique_key='id', strategy='check', check_cols='all', enabled=false) }}
select 1 as id
{% endsnapshot %}
