{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['airport', 'observed_at']
) }}

select
  airport,
  observed_at,
  wind_mph,
  gust_mph,
  visibility_miles
from {{ ref('stg_weather') }}
where
  gust_mph >= 40
  {% if is_incremental() %}
  -- Observations may be corrected for a day, so the last day is read again.
  and observed_at >= (select coalesce(max(observed_at), timestamp '1970-01-01') - interval 1 day from {{ this }})
  {% endif %}
