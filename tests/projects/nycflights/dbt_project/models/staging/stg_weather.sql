select
  origin as airport,
  time_hour as observed_at,
  make_date(year, month, day) as local_date,
  temp as temperature_f,
  humid as humidity_percent,
  -- No wind blows at 200 miles an hour in New York: the data hold one of 1048.
  case when wind_speed < 200 then wind_speed end as wind_mph,
  wind_gust as gust_mph,
  precip as rain_inches,
  visib as visibility_miles
from {{ source('raw', 'weather') }}
