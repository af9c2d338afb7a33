with storms as (
  select airport, date_trunc('month', observed_at)::date as month, count(*) as stormy_hours
  from {{ ref('stormy_hours') }}
  group by airport, month
),

days as (
  select
    airport,
    date_trunc('month', local_date)::date as month,
    count(*) as days,
    min(coldest_f) as coldest_f,
    max(warmest_f) as warmest_f,
    sum(rain_inches) as rain_inches,
    count(*) filter (where rain_inches > 0) as rainy_days
  from {{ ref('weather_daily') }}
  group by airport, month
)

select
  days.airport,
  airports.airport_name,
  days.month,
  days.days,
  days.coldest_f,
  days.warmest_f,
  days.rain_inches,
  days.rainy_days,
  coalesce(storms.stormy_hours, 0) as stormy_hours
from days
inner join {{ ref('stg_airports') }} as airports on days.airport = airports.airport
left join storms on days.airport = storms.airport and days.month = storms.month
