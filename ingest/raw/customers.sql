-- ---
-- write: replace
-- watch: 'data/customers.parquet'
-- ---
-- Parquet carries its own column types.
select
  customer_id,
  customer_name,
  country_code,
  signed_up_at,
  updated_at
from read_parquet('data/customers.parquet')
