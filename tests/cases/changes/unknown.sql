-- == within a pivot
-- unknown
select * from (pivot (select k, a, b from t) on a in (1, 2) using sum(b))
-- becomes
select * from (pivot (select k, a, b from t) on a in (1, 2) using count(b))

-- == within a recursive query
-- unknown
with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select n from r
-- becomes
with recursive r as (select 1 as n union all select n + 1 from r where n < 4) select n from r

-- == columns by a pattern
-- unknown
select columns('k|a') from t
-- becomes
select columns('k|b') from t

-- == columns by their names
-- unknown
with base as (select k, a from t) select * like 'a%' from base
-- becomes
with base as (select k, b as a from t) select * like 'a%' from base
