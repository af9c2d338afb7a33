select
  airport,
  local_date,
  count(*) as hours,
  min(temperature_f) as coldest_f,
  max(temperature_f) as warmest_f,
  max(wind_mph) as strongest_wind_mph,
  -- Hundredths of an inch add up exactly; floating-point sums depend on the order of the rows.
  sum(rain_inches::decimal(6, 2)) as rain_inches
from {{ ref('stg_weather') }}
group by airport, local_date
