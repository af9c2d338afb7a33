-- ---
-- write: replace
-- watch: 'data/airports.csv'
-- ---
select
  faa,
  name,
  lat,
  lon,
  alt,
  tz,
  dst,
  tzone
from read_csv(
  'data/airports.csv',
  header = true,
  nullstr = 'NA',
  columns = {
    'faa': 'varchar',
    'name': 'varchar',
    'lat': 'double',
    'lon': 'double',
    'alt': 'integer',
    'tz': 'integer',
    'dst': 'varchar',
    'tzone': 'varchar'
  }
)
