-- In UTC, where no hour comes twice, an airport has one observation an hour.
select airport, observed_at, count(*) as observations
from {{ ref('stg_weather') }}
group by airport, observed_at
having count(*) > 1
