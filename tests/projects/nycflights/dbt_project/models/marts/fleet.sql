select
  manufacturer,
  count(*) as planes,
  sum(seats) as seats,
  min(year) as oldest_year,
  max(year) as newest_year
from {{ source('raw', 'planes') }}
group by manufacturer
