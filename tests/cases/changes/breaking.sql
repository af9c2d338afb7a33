-- == a column less
-- breaking: column a is gone
select k, a from t
-- becomes
select k from t

-- == a column of another name
-- breaking: column a is gone
select k, a from t
-- becomes
select k, a as amount from t

-- == another expression
-- breaking: column total is redefined
select k, a + b as total from t
-- becomes
select k, a - b as total from t

-- == another expression far within
-- breaking: column twice is redefined
with base as (select k, a + 1 as one_more from t) select k, one_more * 2 as twice from base
-- becomes
with base as (select k, a + 2 as one_more from t) select k, one_more * 2 as twice from base

-- == another column of the same name
-- breaking: column z is redefined
select t.k, t.z from t join u on t.k = u.k
-- becomes
select t.k, u.z from t join u on t.k = u.k

-- == another type
-- breaking: column a is retyped: INT to TEXT
select k, cast(a as integer) as a from t
-- becomes
select k, cast(a as varchar) as a from t

-- == a filter more
-- breaking: rows may differ: filter
select k, a from t
-- becomes
select k, a from t where a > 1

-- == a filter less
-- breaking: rows may differ: filter
select k, a from t where a > 1 and b > 1
-- becomes
select k, a from t where a > 1

-- == another constant in a filter
-- breaking: rows may differ: filter
select k, a from t where a >= 1
-- becomes
select k, a from t where a >= 2

-- == a filter within a common table expression
-- breaking: rows may differ: filter
with base as (select k, a from t where a > 0) select k, a from base
-- becomes
with base as (select k, a from t where a > 2) select k, a from base

-- == another kind of join
-- breaking: rows may differ: join
select t.k, t.a from t join u on t.k = u.k
-- becomes
select t.k, t.a from t left join u on t.k = u.k

-- == a join more
-- breaking: rows may differ: join
select t.k, t.a from t
-- becomes
select t.k, t.a, u.c from t left join u on t.k = u.k

-- == another condition of a join
-- breaking: rows may differ: join
select t.k, t.a from t join u on t.k = u.k
-- becomes
select t.k, t.a from t join u on t.k = u.k and t.z = u.z

-- == another table
-- breaking: column z is redefined; column k is redefined; rows may differ: source
select k, z from t
-- becomes
select k, z from u

-- == another grouping
-- breaking: rows may differ: grouping
select k, sum(a) as s from t group by k
-- becomes
select k, sum(a) as s from t group by k, b

-- == a column that GROUP BY ALL groups by
-- breaking: rows may differ: grouping
select k, sum(a) as s from t group by all
-- becomes
select k, b, sum(a) as s from t group by all

-- == HAVING
-- breaking: rows may differ: filter
select k, sum(a) as s from t group by k
-- becomes
select k, sum(a) as s from t group by k having count(*) > 1

-- == another aggregate
-- breaking: column s is redefined
select k, sum(a) as s from t group by k
-- becomes
select k, count(a) as s from t group by k

-- == DISTINCT
-- breaking: rows may differ: DISTINCT
select a from t
-- becomes
select distinct a from t

-- == a column that DISTINCT looks at
-- breaking: rows may differ: DISTINCT
select distinct a from t
-- becomes
select distinct a, b from t

-- == UNION instead of UNION ALL
-- breaking: rows may differ: set operation
select z from t union all select z from u
-- becomes
select z from t union select z from u

-- == a branch of a union more
-- breaking
select z from t
-- becomes
select z from t union all select z from u

-- == a limit
-- breaking: rows may differ: LIMIT
select k, a from t
-- becomes
select k, a from t limit 1

-- == another order before a limit
-- breaking: rows may differ: LIMIT
select a, b from t order by a, b, k, z limit 1
-- becomes
select a, b from t order by b desc, a, k, z limit 1

-- == QUALIFY
-- breaking: rows may differ: filter
select k, a from t
-- becomes
select k, a from t qualify row_number() over (partition by a order by k, b, z) = 1

-- == another frame of a window
-- breaking: column n is redefined
select k, row_number() over (partition by a order by k, b, z) as n from t
-- becomes
select k, row_number() over (partition by b order by k, a, z) as n from t

-- == a window that looks at other rows
-- breaking
with base as (select k, a, count(*) over () as n from t where a > 1) select k, n from base
-- becomes
with base as (select k, a, count(*) over () as n from t) select k, n from base where a > 1

-- == an aggregate instead of rows
-- breaking
select 1 as one from t
-- becomes
select 1 as one, product(a) as p from t

-- == rows made of lists
-- breaking: rows may differ: unnesting
select k from t
-- becomes
select k, unnest(l) as item from t

-- == a subquery that filters
-- breaking: rows may differ: filter
select k, a from t where k in (select k from u)
-- becomes
select k, a from t where k in (select k from v)

-- == NULLs in a filter
-- breaking: rows may differ: filter
select k, a from t where a <> 1
-- becomes
select k, a from t where a is distinct from 1

-- == branches of a CASE in another order
-- breaking: column size is redefined
select k, case when a > 1 then 'large' when a > 0 then 'small' end as size from t
-- becomes
select k, case when a > 0 then 'small' when a > 1 then 'large' end as size from t

-- == the same filter, written in another way
-- breaking, though rows are the same: rows may differ: filter
select k from t where a > 1
-- becomes
select k from t where 1 < a

-- == a column that UNION looks at
-- breaking: rows may differ: set operation
select k from t union select k from u
-- becomes
select k, a from t union select k, c from u

-- == the other side of a table joined with itself
-- breaking: column a is redefined
select x.k, x.a from t as x join t as y on x.k = y.a
-- becomes
select x.k, y.a from t as x join t as y on x.k = y.a

-- == a filter after a window instead of HAVING
-- breaking
select k, sum(a) as s, row_number() over (order by k) as n from t group by k having count(*) > 1
-- becomes
with g as (select k, sum(a) as s, row_number() over (order by k) as n, count(*) as c from t group by k) select k, s, n from g where c > 1

-- == another column in a whole row
-- breaking: column j is redefined
with x as (select k, a from t) select k, to_json(x) as j from x
-- becomes
with x as (select k, b as a from t) select k, to_json(x) as j from x

-- == a semi join more
-- breaking: rows may differ: join
select k, a from t
-- becomes
select k, a from t semi join u using (k)
