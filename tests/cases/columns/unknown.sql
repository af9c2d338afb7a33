-- == a column of a table whose columns are not known
-- (hidden): t
-- a: t.a passthrough
-- x: t.b derived
-- (rows): t.z filter
select a, b + 1 as x from t where z > 1

-- == a qualified column of a table whose columns are not known
-- (hidden): t u
-- a: t.a passthrough
-- c: u.c passthrough
-- (rows): t.k join, u.k join
select t.a, u.c from t join u on t.k = u.k

-- == everything of a table whose columns are not known
-- (hidden): v
-- *: v.* unknown
-- (unknown): the columns of v are not known
select * from v

-- == a column of everything of a table whose columns are not known
-- (hidden): t
-- a: t.a passthrough
-- (rows): t.z filter
with q as (select * from t where z > 1) select a from q

-- == a name that one table has and another may have
-- (hidden): u
-- a: t.a passthrough
-- (rows): t.k join, u.k join
select a from t join u on t.k = u.k

-- == a name that only the table may have that hides its columns
-- (hidden): u
-- c: u.c passthrough
-- (rows): t.k join, u.k join
select c from t join u on t.k = u.k

-- == a name that two tables may have
-- (hidden): t u
-- c: t.c unknown, u.c unknown
-- (rows): t.k join, u.k join
-- (unknown): a name may mean one of several columns
select c from t join u on t.k = u.k

-- == USING of tables whose columns are not known
-- (hidden): t u
-- k: t.k passthrough
-- (rows): t.k join, u.k join
select k from t left join u using (k)

-- == a qualified star of a table whose columns are known
-- (hidden): u
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
-- (rows): u.k join, v.k join
select v.* from v join u on u.k = v.k

-- == a computed column after everything that is not known
-- (hidden): t
-- x: t.a unknown, t.x unknown
-- (unknown): a name may mean one of several columns
select x from (select *, a + 1 as x from t) as q

-- == a computed column before everything that is not known
-- (hidden): t
-- x: t.a derived
select x from (select a + 1 as x, * from t) as q

-- == everything but a column that is then computed
-- (hidden): t
-- k: t.a derived
select k from (select * exclude (k), a + 1 as k from t) as q

-- == an alias that may be a column
-- (hidden): t
-- x: t.a derived
-- y: t.a unknown, t.x unknown
-- (unknown): a name may mean one of several columns
select a + 1 as x, x * 2 as y from t

-- == a union of tables whose columns are not known
-- (hidden): u v
-- d: v.d passthrough, u.* unknown
-- (unknown): the columns of u are not known
select d from (select * from v union all select * exclude (t) from u) as q

-- == a union by name of tables of which one hides its columns
-- (hidden): u
-- k: t.k passthrough, u.k passthrough
select k from (select k, a from t union all by name select * from u) as q

-- == a whole row that is not known
-- (hidden): v
-- r: v.y unknown, v.* unknown
-- (unknown): the columns of v are not known
select y as r from v as y

-- == columns by a pattern that are not known
-- (hidden): v
-- *: v.* unknown
-- (unknown): COLUMNS picks columns that are not known
select columns('d|x') from v

-- == a replaced column of what is not known
-- (hidden): v
-- d: v.x derived
select d from (select * replace (x + 1 as d) from v) as q

-- == a renamed column of what is not known
-- (hidden): v
-- e: v.d unknown, v.e unknown
-- (unknown): a name may mean one of several columns
select e from (select * rename (d as e) from v) as q

-- == a natural join of what is not known
-- (hidden): u
-- d: v.d passthrough
-- (rows): u.* unknown, v.k unknown, v.d unknown, v.x unknown
-- (unknown): NATURAL JOIN compares columns that are not known
select v.d from v natural join u

-- == a correlated name that the nearest table may have
-- (hidden): u
-- m: u.c aggregated, u.a unknown, t.a unknown
-- (unknown): a name may mean one of several columns
select (select max(u.c) from u where a > 0) as m from t

-- == PIVOT of what is not known
-- (hidden): t
-- 0: t.b aggregated, t.a filter
-- (rows): t.k group
select "0" from t pivot (sum(b) for a in (0) group by k)

-- == UNPIVOT of what is not known
-- (hidden): v
-- w: v.d unknown, v.x unknown, v.w unknown
-- (rows): v.d filter, v.x filter
-- (unknown): a name may mean one of several columns
select w from v unpivot (w for n in (d, x))

-- == a table function that reads what its text says
-- *: query(...).* unknown
-- (rows): query(...).* unknown
-- (unknown): what query(...) reads cannot be told
select * from query('select 1 as x')

-- == EXCLUDE of one side of USING
-- *: u.k unknown, u.c unknown, u.z unknown, u.t unknown, v.k unknown, v.d unknown, v.x unknown
-- (rows): u.k unknown, u.c unknown, u.z unknown, u.t unknown, v.k unknown, v.d unknown, v.x unknown
-- (unknown): EXCLUDE names one side of USING
select * exclude (v.k) from v join u using (k)

-- == a second column of a name, of tables whose columns are not known
-- (hidden): t
-- w: t.z_1 unknown, t.z unknown, u.z unknown
-- (unknown): a name may mean one of several columns
select z_1 as w from (select * from u, t) as q

-- == a text as a name, of a table whose columns are not known
-- (hidden): t
-- w: t.(a + 1) unknown, t.a unknown
-- (unknown): a name may mean one of several columns
select "(a + 1)" as w from (select a + 1, * from t) as q

-- == an order by an alias that a column not known may have
-- (hidden): t
-- a: t.a passthrough
-- (rows): t.b unknown, t.x unknown
-- (unknown): a name may mean one of several columns
select a from (select a, * exclude (a), b as x from t order by x limit 1) as q

-- == USING of a column that one table has and another may have
-- (hidden): t
-- c: u.c passthrough
-- (rows): u.c join, v.d join, t.a join, u.k join
select c from u join t as y on y.a = u.k join (select d as c from v) as q using (c)

-- == what stays of an UNPIVOT of what is not known
-- (hidden): v
-- k: v.k passthrough
-- (rows): v.d filter, v.x filter
select k from v unpivot (w for n in (d, x))

-- == what stays of an UNPIVOT of columns not known
-- (hidden): v
-- k: v.k unknown
-- (rows): v.* unknown
-- (unknown): the columns of v are not known
select k from (unpivot v on * exclude (k) into name n value w)

-- == a column after everything that is not known may have another name in the table that is made
-- (hidden): t
-- *: t.* unknown, t.a unknown
-- x: t.a unknown, t.x unknown
-- (unknown): the columns of t are not known
select *, a + 1 as x from t

-- == columns named by their place where places are not known
-- (hidden): u
-- n: u.* unknown, u.z unknown
-- (unknown): the columns of u are not known
select n from (select * replace (z as c) from u) as q(n)

-- == a renamed column that one table has and another may have
-- (hidden): v
-- w: u.c unknown, v.c unknown, v.w unknown
-- (unknown): a name may mean one of several columns
select w from (select * rename (c as w) from v, u) as q

-- == a recursive query that is not understood, called like the table it starts with
-- k: t.k unknown, t.a unknown, t.b unknown, t.z unknown, t.s unknown, t.l unknown
-- (rows): t.k unknown, t.a unknown, t.b unknown, t.z unknown, t.s unknown, t.l unknown
-- (unknown): a recursive query of this kind is not understood
with recursive t as (select k from t union all by name select k + 1 as k, 1 as one from t where k < 3) select k from t

-- == a third column of a name, behind columns not known
-- (hidden): u
-- w: v.k unknown, u.k unknown, u.k_1 unknown
-- (unknown): a name may mean one of several columns
select k_1 as w from (select x.k, u.*, y.k from v as x, u, v as y) as q
