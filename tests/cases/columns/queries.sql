-- == a common table expression
-- a: t.a passthrough
with q as (select * from t) select a from q

-- == common table expressions one after another
-- x: t.a aggregated
-- (rows): t.z filter, t.k group
with p as (select * from t where z > 1), q as (select k, sum(a) as x from p group by k) select x from q

-- == a common table expression called like the table it reads
-- a: t.b renamed
with t as (select b as a from t) select a from t

-- == columns named by a common table expression
-- p: t.k renamed
-- q: t.a renamed
with c(p, q) as (select k, a from t) select * from c

-- == the first columns named by a common table expression
-- p: t.k renamed
-- a: t.a passthrough
with c(p) as (select k, a from t) select * from c

-- == a common table expression within another
-- x: t.a renamed
with q as (with p as (select a from t) select a as x from p) select x from q

-- == a common table expression in a subquery hides the outer one
-- x: t.b renamed
-- (rows): u.k filter
with p as (select a as c from t where exists (select 1 from u where k > 0))
select x from (with p as (select b as x from t) select x from p) as q, (select 1 from p) as r

-- == a common table expression read twice
-- x: t.a renamed
-- y: t.b renamed
-- (rows): t.k join
with q as (select * from t) select l.a as x, r.b as y from q as l join q as r on l.k = r.k

-- == a common table expression that is materialized
-- a: t.a passthrough
with q as materialized (select * from t) from q select a

-- == a common table expression as a model is inlined
-- x: t.a derived
-- (rows): t.z filter
with __dbt__cte__stg as (select a + 1 as x, z from t) select x from __dbt__cte__stg where z > 0

-- == columns of a table named anew
-- p: v.k renamed
-- q: v.d renamed
-- x: v.x passthrough
select * from v as w(p, q)

-- == a column of a table named like another one
-- x: v.d renamed
select d as x from v as w(k, d)

-- == a column whose name another one took
-- w: v.d renamed
select k as w from v as y(d, k)

-- == columns of a subquery named anew
-- p: t.b renamed
select p from (select a, b from t) as q(o, p)

-- == columns get numbers after some got other names
-- p: v.k renamed
-- d: v.d passthrough
-- x: v.x passthrough
-- k: v.k passthrough
-- d_1: v.d renamed
-- x_1: v.x renamed
with q(p) as (select * from v as y, v as w) select * from q

-- == columns that had got numbers before some got other names
-- p: v.k renamed
-- d: v.d passthrough
-- x: v.x passthrough
-- k_1: v.k renamed
-- d_1: v.d renamed
-- x_1: v.x renamed
with q as (select * from v as y, v as w) select * from q as r(p)

-- == UNION ALL
-- a: t.a passthrough, u.c renamed
select a from t union all select c from u

-- == UNION ALL takes names from the left
-- x: t.a renamed, u.c renamed
-- y: t.b renamed, u.z renamed
select a as x, b as y from t union all select c, z as q from u

-- == UNION
-- a: t.a passthrough, u.c renamed
-- (rows): t.a group, u.c group
select a from t union select c from u

-- == UNION of two columns
-- a: t.a passthrough, u.c renamed
-- b: t.b passthrough, u.z renamed
-- (rows): t.a group, t.b group, u.c group, u.z group
select a, b from t union select c, z from u

-- == UNION ALL BY NAME
-- k: t.k passthrough, u.k passthrough
-- a: t.a passthrough
-- c: u.c passthrough
select k, a from t union all by name select c, k from u

-- == UNION BY NAME
-- k: t.k passthrough, u.k passthrough
-- c: u.c passthrough
-- (rows): t.k group, u.k group, u.c group
select k from t union by name select c, k from u

-- == EXCEPT
-- a: t.a passthrough
-- (rows): t.a filter, u.c filter
select a from t except select c from u

-- == INTERSECT ALL
-- a: t.a passthrough
-- (rows): t.a filter, u.c filter
select a from t intersect all select c from u

-- == a union of unions
-- k: t.k passthrough, u.k passthrough, v.k passthrough
-- (rows): t.z filter
select k from t where z > 0 union all (select k from u union all select k from v)

-- == a union in an order with a limit
-- k: t.k passthrough, u.k passthrough
-- (rows): t.k order, u.k order
select k from t union all select k from u order by k limit 3

-- == an aggregate of a union
-- n: t.a aggregated, u.c aggregated
select sum(x) as n from (select a as x from t union all select c from u) as q

-- == a recursive query
-- n: t.k derived
-- m: t.a renamed
-- (rows): t.k filter
with recursive r(n, m) as (select k, a from t union all select n + 1, m from r where n < 3) select n, m from r

-- == a recursive query whose columns change places
-- n: t.k renamed, t.a renamed
-- m: t.k renamed, t.a renamed
-- i:
with recursive r(n, m, i) as (select k, a, 0 from t union all select m, n, i + 1 from r where i < 3) select n, m, i from r

-- == a recursive query that compares its rows
-- n: t.k derived
-- (rows): t.k filter, t.k group
with recursive r as (select k as n from t union select (n + 1) % 4 from r where n < 9) select n from r

-- == a recursive query with a join
-- n: t.k renamed, u.c renamed
-- (rows): t.k join, u.k join, u.c join, u.c filter, t.k filter, t.k group, u.c group
with recursive r(n) as (select k from t where k < 2 union select c from r join u on u.k = r.n where c < 5) select n from r

-- == a recursive query by key
-- k: t.k passthrough
-- m: t.a derived
-- (rows): t.k group, t.a filter
with recursive r(k, m) using key (k) as (select k, a from t union all select k, m + 1 from r where m < 3) select k, m from r

-- == a recursive query by a key of another name
-- i: t.k renamed
-- m: t.a derived
-- (rows): t.k group, t.a filter
with recursive r(i, m) using key (i) as (select k, a from t union all select i, m + 1 from r where m < 3) select i, m from r

-- == a recursive query in parentheses
-- n: t.k derived
-- (rows): t.k filter
with recursive r as ((select k as n from t union all select n + 1 from r where n < 3)) select n from r

-- == a recursive query with a common table expression of its own
-- n: t.k derived, t.a derived
-- (rows): t.k filter, t.a filter
with recursive r as (with p as (select k, a from t) select k as n from p union all select n + abs(a) + 1 from r, p where n < 3)
select n from r

-- == a recursive query called like the table it starts with
-- n: t.k derived
-- (rows): t.k filter
with recursive t as (select k as n from t union all select n + 1 from t where n < 3) select n from t

-- == an intersection is not recursive
-- k: t.k passthrough
-- (rows): t.k filter, v.k filter
with recursive v as (select k from t intersect select k from v) select k from v

-- == a query called recursive that is not
-- x: t.a renamed
with recursive q as (select a as x from t) select x from q

-- == PIVOT
-- k: t.k passthrough
-- 0: t.b aggregated, t.a filter
-- 1: t.b aggregated, t.a filter
-- (rows): t.k group
select * from t pivot (sum(b) for a in (0, 1) group by k)

-- == PIVOT with aliases
-- k: t.k passthrough
-- none_s: t.b aggregated, t.a filter
-- none_m: t.z aggregated, t.a filter
-- one_s: t.b aggregated, t.a filter
-- one_m: t.z aggregated, t.a filter
-- (rows): t.k group
select * from t pivot (sum(b) as s, max(z) as m for a in (0 as none, 1 as one) group by k) as p

-- == PIVOT groups by what is left
-- k: v.k passthrough
-- 0: v.x aggregated, v.d filter
-- (rows): v.k group
select * from v pivot (max(x) for d in (0))

-- == PIVOT over two columns
-- k: t.k passthrough
-- 0_2: t.b aggregated, t.a filter, t.z filter
-- 1_2: t.b aggregated, t.a filter, t.z filter
-- (rows): t.k group
select * from t pivot (count(b) for a in (0, 1) z in (2) group by k)

-- == PIVOT as a statement
-- k: t.k passthrough
-- 0: t.b aggregated, t.a filter
-- 1: t.b aggregated, t.a filter
-- (rows): t.k group
from (pivot t on a in (0, 1) using sum(b) group by k)

-- == PIVOT of a common table expression
-- k: t.k passthrough
-- 1_n: t.b aggregated, t.a filter
-- (rows): t.k group, t.z filter
with q as (select * from t where z > 0) select * from q pivot (sum(b) as n for a in (1) group by k)

-- == PIVOT that looks its values up
-- k: t.k passthrough
-- *: t.b aggregated, t.a filter
-- (rows): t.k group
-- (unknown): PIVOT makes its columns of values
from (pivot t on a using sum(b) group by k)

-- == a column of a PIVOT that looks its values up
-- k: t.k passthrough
-- (rows): t.k group
select k from (pivot t on a using sum(b) group by k) as p

-- == UNPIVOT
-- k: v.k passthrough
-- n:
-- w: v.d renamed, v.x renamed
-- (rows): v.d filter, v.x filter
select * from v unpivot (w for n in (d, x))

-- == UNPIVOT with NULL
-- k: v.k passthrough
-- n:
-- w: v.d renamed, v.x renamed
select * from v unpivot include nulls (w for n in (d, x))

-- == UNPIVOT as a statement
-- k: v.k passthrough
-- name:
-- value: v.d renamed, v.x renamed
-- (rows): v.d filter, v.x filter
from (unpivot v on d, x)

-- == UNPIVOT of columns by a pattern
-- k: v.k passthrough
-- n:
-- w: v.d renamed, v.x renamed
-- (rows): v.d filter, v.x filter
from (unpivot v on columns('d|x') into name n value w)

-- == UNPIVOT of everything but a column
-- k: v.k passthrough
-- n:
-- w: v.d renamed, v.x renamed
-- (rows): v.d filter, v.x filter
from (unpivot v on * exclude (k) into name n value w)

-- == UNPIVOT of pairs
-- s: t.s passthrough
-- l: t.l passthrough
-- n:
-- p: t.k renamed, t.b renamed
-- q: t.a renamed, t.z renamed
-- (rows): t.k filter, t.a filter, t.b filter, t.z filter
from (unpivot t on (k, a), (b, z) into name n value p, q)

-- == UNPIVOT with names of its own
-- k: v.k passthrough
-- n:
-- w: v.d renamed, v.x renamed
-- (rows): v.d filter, v.x filter
select * from v unpivot (w for n in (d as 'one', x as 'two'))

-- == what a statement within a query returns
-- *: v.k unknown, v.d unknown, v.x unknown
-- (rows): v.k unknown, v.d unknown, v.x unknown
-- (unknown): insert is not a query that can be followed
with q as (insert into v select * from v returning k) select * from q

-- == a sample
-- a: t.a passthrough
select a from t using sample 100%

-- == a table as a whole
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
table v
