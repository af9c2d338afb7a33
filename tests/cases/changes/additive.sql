-- == a column at the end
-- additive
select k, a from t
-- becomes
select k, a, b from t

-- == a column in the middle
-- additive
select k, a from t
-- becomes
select k, b, a from t

-- == a derived column
-- additive
select k, a from t where a > 0
-- becomes
select k, a, a * 2 as twice from t where a > 0

-- == an aggregate beside others
-- additive
select k, sum(a) as s from t group by k
-- becomes
select k, sum(a) as s, count(*) as n from t group by k

-- == a column through a common table expression
-- additive
with base as (select k, a from t) select k, a from base
-- becomes
with base as (select k, a, b from t) select k, a, b from base

-- == a column of a table that is joined already
-- additive
select t.k, u.c from t join u on t.k = u.k
-- becomes
select t.k, u.c, u.z as uz from t join u on t.k = u.k

-- == a window
-- additive
select k, a from t
-- becomes
select k, a, row_number() over (partition by k order by a, b, z) as n from t

-- == a column on both sides of UNION ALL
-- additive
select k, a from t union all select k, c from u
-- becomes
select k, a, z from t union all select k, c, z from u

-- == a scalar subquery
-- additive
select k, a from t
-- becomes
select k, a, (select max(d) from v where v.k = t.k) as most from t

-- == a column beside a star
-- additive
select * from t
-- becomes
select *, a + b as total from t

-- == a column and another way to write the rest
-- additive
select k, a from t where a > 0 and b > 0
-- becomes
with positive as (select * from t where b > 0) select p.k, p.a, p.b from positive as p where p.a > 0

-- == a constant
-- additive
select k, a from t
-- becomes
select k, a, 'shop' as origin from t
