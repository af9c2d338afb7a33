-- Each block: `-- name:`, then what is expected of `-- tables:`, `-- files:`, `-- unknown:`, `-- volatile:` (sorted, nothing where
-- there is no such line) or a part of `-- error:`, then the query.

-- name: a table as it is written
-- tables: orders
select * from orders

-- name: schema and database are kept
-- tables: raw.orders db.raw.items
select * from raw.orders join "db"."raw"."items" using (id)

-- name: case is kept as written
-- tables: Raw.Orders
select * from "Raw"."Orders"

-- name: from first
-- tables: t
from t

-- name: no table at all
select 1 as one

-- name: values are no table
select * from (values (1), (2)) as v (a)

-- name: tables in every corner
-- tables: a b c d e f g
select (select max(x) from a), exists (select 1 from b)
from c, lateral (select * from d where d.i = c.i) as l
left join e on e.i in (select i from f)
where c.i > all (select i from g)

-- name: set operations
-- tables: a b c
select i from a union all (select i from b except select i from c)

-- name: a table twice is one table
-- tables: t
select * from t as x join t as y using (i)

-- name: a common table expression is not a table
-- tables: orders
with a as (select * from orders), b as (select * from a) select * from b join a using (id)

-- name: names of common table expressions know no case
with Totals as (select 1 as i) select * from TOTALS

-- name: within its own definition a name means the table
-- tables: orders
with orders as (select * from orders where valid) select * from orders

-- name: a later sibling is not visible yet
-- tables: later
with first as (select * from later), later as (select 1 as i) select * from first, later

-- name: a recursive one reads itself
with recursive up as (select 1 as i union all select i + 1 from up where i < 9) select * from up

-- name: a name defined in a subquery is not known outside of it
-- tables: orders
select * from orders where id in (with orders as (select 1 as id) select id from orders)

-- name: a name defined in a sibling's definition is not known outside of it
-- tables: orders
with a as (with orders as (select 1 as id) select * from orders) select * from orders, a

-- name: a name defined outside is known in subqueries
with a as (select 1 as i) select * from (select * from (select * from a)) where i in (select i from a)

-- name: a qualified name is a table whatever is defined
-- tables: main.a
with a as (select 1 as i) select * from main.a

-- name: an ephemeral model as dbt inlines it
-- tables: db.main.stg
with __dbt__cte__eph as (select * from "db"."main"."stg") select * from __dbt__cte__eph

-- name: pivot
-- tables: sales
select * from sales pivot (sum(amount) for region in ('emea', 'amer'))

-- name: pivot as a statement
-- tables: sales
pivot sales on region using sum(amount)

-- name: asof, semi, anti and positional joins
-- tables: a b c d e
select * from a asof join b on a.t >= b.t semi join c using (i) anti join d using (i) positional join e

-- name: qualify and window
-- tables: t
select * from t qualify row_number() over (partition by a order by b) = 1

-- name: functions that make rows of their arguments
-- tables: t
select * from range(3), generate_series(1, 2), unnest([1, 2]), t

-- name: unnest a column
-- tables: t
select unnest(items) from t

-- name: comments and strings are not read
-- tables: t
select 'from a', "from b" /* from c */ from t -- from d

-- name: a struct's fields are no tables
-- tables: t
select t.a.b.c, {'x': 1}.x from t

-- name: a quoted name with dots and spaces
-- tables: s.a.b
select * from s."a.b"
