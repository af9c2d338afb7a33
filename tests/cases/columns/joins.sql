-- == a join
-- a: t.a passthrough
-- c: u.c passthrough
-- (rows): t.k join, u.k join
select t.a, u.c from t join u on t.k = u.k

-- == names that only one table has
-- a: t.a passthrough
-- c: u.c passthrough
-- (rows): t.k join, u.k join
select a, c from t join u on t.k = u.k

-- == a left join
-- a: t.a passthrough
-- x: u.c derived
-- (rows): t.k join, u.k join, u.z join
select a, coalesce(c, 0) as x from t left join u on t.k = u.k and u.z > 1

-- == USING
-- k: t.k passthrough
-- c: u.c passthrough
-- (rows): t.k join, u.k join
select k, c from t join u using (k)

-- == USING of a left join
-- k: t.k passthrough
-- k_1: u.k renamed
-- (rows): t.k join, u.k join
select k, u.k from t left join u using (k)

-- == USING of a right join
-- k: u.k passthrough
-- x: t.k renamed
-- (rows): t.k join, u.k join
select k, t.k as x from t right join u using (k)

-- == USING of a full join
-- k: t.k derived, u.k derived
-- (rows): t.k join, u.k join
select k from t full join u using (k)

-- == USING shows its column once
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
-- (rows): u.k join, v.k join
select * from v join u using (k)

-- == USING of a right join shows the right side's value
-- k: u.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
-- (rows): u.k join, v.k join
select * from v right join u using (k)

-- == USING three times
-- k: t.k passthrough
-- d: v.d passthrough
-- (rows): t.k join, u.k join, v.k join
select k, d from t left join u using (k) left join v using (k)

-- == USING after a full join
-- k: t.k derived, u.k derived, v.k derived
-- (rows): t.k join, u.k join, v.k join
select k from t full join u using (k) full join v using (k)

-- == the right side's own columns
-- k: u.k passthrough
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
-- (rows): t.k join, u.k join
select u.* from t left join u using (k)

-- == NATURAL JOIN
-- k: u.k passthrough
-- x: v.x passthrough
-- (rows): u.k join, v.k join
select k, x from u natural join v

-- == a semi join
-- a: t.a passthrough
-- (rows): t.k join, u.k join
select a from t semi join u using (k)

-- == an anti join's star
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
-- (rows): u.k join, v.k join
select * from v anti join u on u.k = v.k

-- == a cross join
-- a: t.a passthrough
-- c: u.c passthrough
select a, c from t cross join u

-- == a comma and a filter
-- a: t.a passthrough
-- c: u.c passthrough
-- (rows): t.k filter, u.k filter
select a, c from t, u where t.k = u.k

-- == a join in time
-- a: t.a passthrough
-- c: u.c passthrough
-- (rows): t.z join, u.z join
select a, c from t asof join u on t.z >= u.z

-- == a join by position
-- a: t.a passthrough
-- c: u.c passthrough
select a, c from t positional join u

-- == a join by position, of rows in an order
-- a: t.a passthrough
-- c: u.c passthrough
-- (rows): t.z order
select a, c from (select * from t order by z) as q positional join u

-- == a table joined to itself
-- a: t.a passthrough
-- x: t.b renamed
-- (rows): t.k join, t.z join
select one.a, other.b as x from t as one join t as other on one.k = other.z

-- == joins in parentheses
-- a: t.a passthrough
-- d: v.d passthrough
-- (rows): t.k join, u.k join, v.k join
select t.a, v.d from t join (u join v on u.k = v.k) on t.k = u.k

-- == USING within parentheses and without
-- k: t.k passthrough
-- d: v.d passthrough
-- (rows): t.k join, u.k join, v.k join
select k, d from t left join (u full join v using (k)) using (k)

-- == joins in parentheses with an alias
-- k: t.k passthrough
-- c: u.c passthrough
-- (rows): t.k join, u.k join
select x.k, x.c from (t join u using (k)) as x

-- == two columns of one name in parentheses
-- x: u.z renamed
-- y: t.z renamed
-- (rows): t.k join, u.k join
select q.z_1 as x, q.z as y from (t join u using (k)) as q

-- == a lateral subquery
-- y: t.a derived
select y from t, lateral (select t.a + 1 as y) as q

-- == a lateral subquery that is not called so
-- y: t.a derived
select y from t, (select a + 1 as y) as q

-- == a lateral subquery that picks rows
-- a: t.a passthrough
-- c: u.c passthrough
-- (rows): u.k filter, t.k filter, u.z order
select a, c from t as y, lateral (select u.c from u where u.k = y.k order by u.z limit 1) as q

-- == a left join of a lateral subquery
-- a: t.a passthrough
-- m: v.d aggregated
-- (rows): v.k filter, t.k filter
select a, m from t left join lateral (select max(d) as m from v where v.k = t.k group by all) as q on true

-- == a list as rows
-- a: t.a passthrough
-- e: t.l derived
-- (rows): t.l join
select a, e from t, unnest(l) as w(e)

-- == a list as rows, by the name of its alias
-- a: t.a passthrough
-- w: t.l derived
-- (rows): t.l join
select a, w from t, unnest(t.l) as w

-- == a list as rows, lateral
-- e: t.l derived
-- (rows): t.l join
select w.e from t, lateral unnest(l) as w(e)

-- == a list as rows, without any name
-- x: t.l derived
-- (rows): t.l join
select "unnest" as x from t, unnest(l)

-- == a range of each row
-- i: t.a derived
-- (rows): t.a join
select i from t, range(t.a) as r(i)

-- == a range by the name of its function
-- x:
select range as x from range(3)

-- == values
-- x:
-- y:
select x, y from (values (1, 2), (3, 4)) as w(x, y)

-- == values without names
-- col0:
-- col1:
values (1, 2), (3, 4)

-- == values of the row to the left
-- x: t.a derived, t.b derived
select x from t, (values (t.a), (t.b)) as w(x)

-- == an alias that is a column's name
-- k: t.k passthrough
-- n: t.s derived
-- (rows): t.k join, u.k join
select t.k, t.s.n from t join (select k from u) as s on t.k = s.k

-- == a join of subqueries
-- n: t.a aggregated
-- m: u.c aggregated
-- (rows): t.k group, u.k group, t.k join, u.k join
select n, m from (select k, sum(a) as n from t group by k) as p join (select k, max(c) as m from u group by k) as q on p.k = q.k

-- == only rows of the other side count
-- a: t.a passthrough
-- (rows): u.z filter
select a from t, (select 1 from u where z > 1) as q

-- == everything after USING within parentheses and without
-- k: t.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
-- (rows): t.k join, u.k join, v.k join
select * from (select k from t) as p left join ((select k from u) as q full join v using (k)) using (k)
