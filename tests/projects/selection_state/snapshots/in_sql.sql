{% snapshot body_of_snapshot %}
{{ config(unique_key='id', strategy='check', check_cols='all') }}
select 2 as id
{% endsnapshot %}
{% snapshot config_of_snapshot %}
{{ config(unique_key='id', strategy='check', check_cols=['id', 'word']) }}
select 1 as id, 'a' as word
{% endsnapshot %}
{% snapshot kept_snapshot %}
{{ config(unique_key='id', strategy='check', check_cols='all') }}
select 1 as id
{% endsnapshot %}
