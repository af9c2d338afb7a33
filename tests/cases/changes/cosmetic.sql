-- == comments and layout
-- cosmetic
select k, a from t where a > 1
-- becomes
-- the interesting ones
SELECT
  k, a
FROM t
WHERE a > 1

-- == another name of a table
-- cosmetic
select x.k, x.a from t as x
-- becomes
select orders.k, orders.a from t as orders

-- == another name of a common table expression
-- cosmetic
with staged as (select k, a from t) select k, a from staged
-- becomes
with base as (select k, a from t) select k, a from base

-- == an alias that repeats the name
-- cosmetic
select k, a as a from t
-- becomes
select k, a from t

-- == quotes around a plain name
-- cosmetic
select k, "a" from t
-- becomes
select k, a from t

-- == the case of a function
-- cosmetic
select k, SUM(a) as s from t group by k
-- becomes
select k, sum(a) as s from t group by k
