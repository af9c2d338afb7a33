-- The files the shop receives: orders (CSV), customers (Parquet), events (JSON), 14 days of March 2024.
-- Run it in DuckDB from the folder of penstock.yml; an empty folder data/ must be there.
-- Everything follows from md5(), whose values, unlike those of hash() and random(), are the same in every
-- DuckDB version and for any number of threads: each run writes the same data.

-- A repeatable number from 0 to n - 1 for (topic, i).
create or replace temp macro pick(topic, i, n) as (md5_number(topic || i) % n)::integer;

-- One word of a list, repeatable in the same way.
create or replace temp macro pick_word(topic, i, words) as words[pick(topic, i, len(words)) + 1];

create or replace temp table demo_customers as
select
  i as customer_id,
  pick_word('first', i, ['Ada', 'Ben', 'Chloe', 'David', 'Emma', 'Finn', 'Grace', 'Hugo', 'Ines', 'Jonas', 'Katya', 'Liam'])
    || ' ' || pick_word('last', i, ['Adler', 'Berg', 'Costa', 'Dubois', 'Evans', 'Fischer', 'Garcia', 'Hansen', 'Ito', 'Jansen'])
    as customer_name,
  pick_word('country', i, ['DE', 'DE', 'FR', 'FR', 'GB', 'US', 'US', 'US']) as country_code,
  timestamp '2023-01-01' + to_minutes(pick('signup', i, 425 * 1440)) as signed_up_at,
  -- Four in five have not changed since they signed up; the rest edited their details in March 2024.
  case
    when pick('edited', i, 5) > 0 then signed_up_at
    else timestamp '2024-03-01' + to_minutes(pick('edit', i, 14 * 1440))
  end as updated_at
from range(1, 301) as ids(i);

copy (from demo_customers order by customer_id) to 'data/customers.parquet' (format parquet);

create or replace temp table demo_orders as
with days as (
  select d, date '2024-03-01' + d::integer as order_date, 90 + pick('volume', d, 60) as order_count
  from range(14) as offsets(d)
),

numbered as (
  select order_date, d * 1000 + unnest(range(order_count)) as i
  from days
),

timed as (
  select *, order_date + to_seconds(pick('second', i, 86400)) as ordered_at
  from numbered
)

select
  1000 + row_number() over (order by ordered_at, i) as order_id,
  1 + pick('customer', i, 300) as customer_id,
  1 + pick('product', i, 12) as product_id,
  1 + pick('quantity', i, 4) as quantity,
  pick_word('status', i, ['shipped', 'shipped', 'shipped', 'shipped', 'shipped', 'shipped', 'placed', 'returned']) as status,
  ordered_at,
  order_date as day
from timed;

-- partition_by makes one folder a day, `day=2024-03-01` and so on, and leaves the column out of the files.
copy (from demo_orders order by order_id) to 'data/orders'
(format csv, header, partition_by (day), filename_pattern 'orders_');

create or replace temp table demo_events as
with numbered as (
  select date '2024-03-01' + d::integer as event_date, d * 1000 + n as i
  from range(14) as days(d), range(300) as per_day(n)
),

timed as (
  select *, event_date + to_seconds(pick('moment', i, 86400)) as occurred_at
  from numbered
)

select
  row_number() over (order by occurred_at, i) as event_id,
  -- Three visitors in ten have not logged in.
  case when pick('visitor', i, 10) >= 3 then 1 + pick('visitor_id', i, 300) end as customer_id,
  pick_word('event', i, ['page_view', 'page_view', 'page_view', 'page_view', 'add_to_cart', 'checkout']) as event_type,
  '/products/' || (1 + pick('page', i, 12)) as page,
  occurred_at,
  event_date as day
from timed;

-- DuckDB before 2.0 has no partition_by for JSON, so each line is made here and written as a CSV file of one
-- column: no header, no quotes, and a tab, which JSON text never holds, as the delimiter.
copy (
  select to_json({
    event_id: event_id,
    customer_id: customer_id,
    event_type: event_type,
    page: page,
    occurred_at: occurred_at
  }) as line, day
  from demo_events
  order by event_id
) to 'data/events'
(format csv, header false, quote '', escape '', delimiter '\t', partition_by (day), filename_pattern 'events_', file_extension 'json');

drop table demo_customers;
drop table demo_orders;
drop table demo_events;
drop macro pick_word;
drop macro pick;
