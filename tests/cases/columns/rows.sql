-- == a filter
-- a: t.a passthrough
-- (rows): t.z filter
select a from t where z > 1

-- == a filter on an alias
-- x: t.a derived
-- (rows): t.a filter
select a + 1 as x from t where x > 2

-- == a filter by a column whose name an alias has
-- a: t.b renamed
-- (rows): t.a filter
select b as a from t where a > 1

-- == a group
-- k: t.k passthrough
-- n: t.a aggregated
-- (rows): t.k group
select k, sum(a) as n from t group by k

-- == a group by number
-- x: t.k derived
-- n: t.a aggregated
-- (rows): t.k group
select k % 2 as x, sum(a) as n from t group by 1

-- == a group by an alias
-- x: t.k derived
-- n: t.a aggregated
-- (rows): t.k group
select k % 2 as x, sum(a) as n from t group by x

-- == GROUP BY ALL
-- x: t.k derived, t.z derived
-- n: t.a aggregated
-- (rows): t.k group, t.z group
select k + z as x, sum(a) as n from t group by all

-- == GROUP BY ALL without any aggregate
-- k: t.k passthrough
-- (rows): t.k group
select k from t group by all

-- == grouping sets
-- k: t.k passthrough
-- n: t.a aggregated
-- (rows): t.k group, t.z group
select k, sum(a) as n from t group by grouping sets ((k), (k, z), ())

-- == ROLLUP
-- k: t.k passthrough
-- z: t.z passthrough
-- n: t.a aggregated
-- (rows): t.k group, t.z group
select k, z, sum(a) as n from t group by rollup (k, z)

-- == HAVING
-- k: t.k passthrough
-- (rows): t.k group, t.a filter
select k from t group by k having max(a) > 1

-- == HAVING takes an alias for a column of its name
-- a: t.b renamed
-- m: t.a aggregated
-- (rows): t.b group, t.b filter, t.a filter
select b as a, max(a) as m from t group by b having a > 1

-- == DISTINCT
-- a: t.a passthrough
-- x: t.b derived
-- (rows): t.a group, t.b group
select distinct a, b % 2 as x from t

-- == DISTINCT ON
-- a: t.a passthrough
-- (rows): t.z group, t.z order, t.b order
select distinct on (z) a from t order by z, b

-- == DISTINCT ON takes an alias for a column of its name
-- a: t.b renamed
-- (rows): t.b group
select distinct on (a) b as a from t

-- == GROUP BY takes a column for an alias of its name
-- a: t.b derived
-- n:
-- (rows): t.a group, t.b group
select b % 2 as a, count(*) as n from t group by a, b

-- == an order that changes nothing
-- a: t.a passthrough
select a from t order by z

-- == an order with a limit
-- a: t.a passthrough
-- (rows): t.z order
select a from t order by z limit 2

-- == an order by number
-- a: t.a passthrough
-- b: t.b passthrough
-- (rows): t.b order
select a, b from t order by 2 limit 2

-- == an order by an alias that is a column's name as well
-- a: t.b renamed
-- (rows): t.b order
select b as a from t order by a limit 1

-- == ORDER BY ALL
-- a: t.a passthrough
-- b: t.b passthrough
-- (rows): t.a order, t.b order
select a, b from t order by all limit 2

-- == an offset
-- a: t.a passthrough
-- (rows): t.z order
select a from t order by z offset 1

-- == a limit that is looked up
-- a: t.a passthrough
-- (rows): t.z order, u.c filter
select a from t order by z limit (select max(c) from u)

-- == an order within, a limit without
-- a: t.a passthrough
-- (rows): t.z order
select a from (select * from t order by z) as q limit 1

-- == an order outside of parentheses
-- a: t.a passthrough
-- z: t.z passthrough
-- (rows): t.z order
(select a, z from t) order by z limit 1

-- == an order that a list shows
-- x: t.a aggregated, t.z order
select list(a) as x from (select * from t order by z) as q

-- == an order that a sum does not show
-- x: t.a aggregated
select sum(a) as x from (select * from t order by z) as q

-- == a window
-- n: t.a aggregated, t.k window, t.z window
select sum(a) over (partition by k order by z) as n from t

-- == a window of a neighbour's value
-- n: t.a derived, t.z window
select lag(a) over (order by z) as n from t

-- == a window in a frame of rows
-- n: t.a aggregated, t.z window
select max(a) over (order by z rows between 1 preceding and current row) as n from t

-- == a window that is named
-- n: t.a aggregated, t.k window
-- m: t.b aggregated, t.k window, t.z window
select sum(a) over w as n, max(b) over (w order by z) as m from t window w as (partition by k)

-- == a window named after another one
-- n: t.a aggregated, t.k window, t.z window
select sum(a) over w2 as n from t window w as (partition by k), w2 as (w order by z)

-- == a window of some of the rows
-- n: t.a aggregated, t.z filter, t.k window
select sum(a) filter (where z > 1) over (partition by k) as n from t

-- == a window over an aggregate
-- k: t.k passthrough
-- n: t.a aggregated, t.k window
-- (rows): t.k group
select k, sum(sum(a)) over (order by k) as n from t group by k

-- == a window over rows in an order
-- n: t.a aggregated, t.z window
select sum(a) over (rows unbounded preceding) as n from (select a, z from t order by z) as q

-- == QUALIFY
-- a: t.a passthrough
-- (rows): t.k filter, t.z filter
select a from t qualify row_number() over (partition by k order by z) = 1

-- == QUALIFY by an alias
-- a: t.a passthrough
-- n: t.z window
-- (rows): t.z filter
select a, rank() over (order by z) as n from t qualify n > 1

-- == EXISTS
-- a: t.a passthrough
-- (rows): u.k filter, t.k filter, u.z filter
select a from t as y where exists (select 1 from u where u.k = y.k and u.z > 0)

-- == NOT IN
-- a: t.a passthrough
-- (rows): u.c filter, t.k filter
select a from t where k not in (select c from u)

-- == a quantified comparison
-- a: t.a passthrough
-- (rows): u.z filter, t.z filter
select a from t where z >= all (select z from u)

-- == a scalar subquery
-- m: u.c aggregated
select (select max(c) from u) as m from t

-- == a correlated scalar subquery
-- m: u.c aggregated, u.k filter, t.k filter
select (select max(c) from u where u.k = y.k) as m from t as y

-- == a scalar subquery of the first row
-- m: u.c derived, u.z order
select (select c from u order by z limit 1) as m from t

-- == a subquery that gives a list
-- m: u.c derived, u.z order
select array(select c from u order by z) as m from t

-- == a correlated name without a qualifier
-- m: u.c aggregated, t.a filter, u.k filter
select (select max(c) from u where u.k = a) as m from t

-- == the nearest table has the name
-- m: u.z aggregated
select (select max(z) from u) as m from t

-- == a subquery in a subquery
-- a: t.a passthrough
-- (rows): v.k filter, u.k filter, u.c filter, t.k filter, t.z filter
select a from t as y where exists (select 1 from u where u.k = y.k and c in (select v.k from v where v.k > y.z))

-- == UNNEST in the list
-- e: t.l derived
-- a: t.a passthrough
-- (rows): t.l join
select unnest(l) as e, a from t
