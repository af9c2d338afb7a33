-- == columns in another order
-- non_breaking
select k, a, b from t
-- becomes
select b, k, a from t

-- == rows in another order
-- non_breaking
select k, a from t
-- becomes
select k, a from t order by k

-- == a query taken apart
-- non_breaking
select k, a + b as total from t where a > 0
-- becomes
with source as (select * from t), positive as (select k, a, b from source where a > 0) select k, a + b as total from positive

-- == a subquery instead of a common table expression
-- non_breaking
with base as (select k, a from t where a > 1) select k, a from base
-- becomes
select k, a from (select k, a from t where a > 1) as base

-- == filters in another order
-- non_breaking
select k from t where a > 1 and b > 1
-- becomes
select k from t where b > 1 and a > 1

-- == a number in GROUP BY
-- non_breaking
select k, sum(a) as s from t group by 1
-- becomes
select k, sum(a) as s from t group by k

-- == needless parentheses
-- non_breaking
select k, a from t where (a > 1)
-- becomes
select k, a from t where a > 1

-- == columns listed instead of a star
-- non_breaking
select * from u
-- becomes
select k, c, z, t from u

-- == a common table expression that nobody reads
-- non_breaking
select k, a from t
-- becomes
with unused as (select k from u) select k, a from t
