-- ---
-- write: replace
-- watch: 'data/weather.csv'
-- ---
-- year, month, day and hour are New York's; time_hour is UTC, kept as a plain timestamp so that no session's
-- time zone can shift it.
select
  origin,
  year,
  month,
  day,
  hour,
  temp,
  dewp,
  humid,
  wind_dir,
  wind_speed,
  wind_gust,
  precip,
  pressure,
  visib,
  time_hour
from read_csv(
  'data/weather.csv',
  header = true,
  nullstr = 'NA',
  columns = {
    'origin': 'varchar',
    'year': 'integer',
    'month': 'integer',
    'day': 'integer',
    'hour': 'integer',
    'temp': 'double',
    'dewp': 'double',
    'humid': 'double',
    'wind_dir': 'integer',
    'wind_speed': 'double',
    'wind_gust': 'double',
    'precip': 'double',
    'pressure': 'double',
    'visib': 'double',
    'time_hour': 'timestamp'
  }
)
