-- ---
-- write: replace
-- watch: 'data/events/*/*.json'
-- ---
select
  event_id,
  customer_id,
  event_type,
  page,
  occurred_at
from read_json(
  'data/events/*/*.json',
  format = 'newline_delimited',
  columns = {
    'event_id': 'bigint',
    'customer_id': 'bigint',
    'event_type': 'varchar',
    'page': 'varchar',
    'occurred_at': 'timestamp'
  }
)
