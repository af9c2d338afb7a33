-- ---
-- write: replace
-- watch: 'data/airlines.csv'
-- ---
select
  carrier,
  name
from read_csv(
  'data/airlines.csv',
  header = true,
  columns = {'carrier': 'varchar', 'name': 'varchar'}
)
