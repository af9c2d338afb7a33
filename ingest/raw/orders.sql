-- ---
-- write: replace
-- watch: 'data/orders/*/*.csv'
-- ---
-- One folder a day; the day is read from the folder's name (`day=2024-03-01`).
select
  order_id,
  customer_id,
  product_id,
  quantity,
  status,
  ordered_at,
  day as order_date
from read_csv(
  'data/orders/*/*.csv',
  header = true,
  columns = {
    'order_id': 'bigint',
    'customer_id': 'bigint',
    'product_id': 'bigint',
    'quantity': 'integer',
    'status': 'varchar',
    'ordered_at': 'timestamp'
  },
  hive_partitioning = true,
  hive_types = {'day': date}
)
