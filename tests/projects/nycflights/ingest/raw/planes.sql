-- ---
-- write: replace
-- watch: 'data/planes.csv'
-- ---
select
  tailnum,
  year,
  type,
  manufacturer,
  model,
  engines,
  seats,
  speed,
  engine
from read_csv(
  'data/planes.csv',
  header = true,
  nullstr = 'NA',
  columns = {
    'tailnum': 'varchar',
    'year': 'integer',
    'type': 'varchar',
    'manufacturer': 'varchar',
    'model': 'varchar',
    'engines': 'integer',
    'seats': 'integer',
    'speed': 'integer',
    'engine': 'varchar'
  }
)
