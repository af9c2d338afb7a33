-- Each block: `-- ==` and what it is; a line for each output column with the columns that flow into it and how, in any order;
-- a line `-- (rows)` with what decides which rows there are; the query. `-- (hidden)` names tables whose columns are not told,
-- `-- (unknown)` a reason that must be given, `-- (loose)` why more is listed than counts. `*` stands for columns that are not
-- known, `#2` for a column without a name of its own.
-- The tables are those of tests/property/two_tables.py: t(k, a, b, z, s, l), u(k, c, z, t), v(k, d, x).

-- == a column
-- a: t.a passthrough
select a from t

-- == a column under another name
-- x: t.a renamed
select a as x from t

-- == a column whose name is written in another case
-- a: t.a passthrough
select T.A from t

-- == an alias in another case is the same name
-- A: t.a passthrough
select a as A from t

-- == a column in parentheses
-- a: t.a passthrough
select ((a)) from t

-- == a column of a table with a schema
-- a: main.t.a passthrough
-- b: main.t.b passthrough
select main.t.a, t.b from main.t

-- == an expression
-- x: t.a derived, t.b derived
select a + b * 2 as x from t

-- == a cast
-- x: t.a derived
select a::varchar as x from t

-- == a condition that decides a value
-- x: t.a derived, t.b derived, t.z derived
select case when a > 1 then b else z end as x from t

-- == functions within functions
-- x: t.a derived, t.b derived
select coalesce(nullif(a, 1), greatest(b, 0)) as x from t

-- == a constant
-- one:
select 1 as one from t

-- == a column that counts in two ways
-- x: t.a aggregated
select max(a) + count(a) as x from t

-- == a number of rows
-- n:
select count(*) as n from t

-- == an aggregate and its argument by an expression
-- x: t.a aggregated, t.b aggregated
select sum(a * b) as x from t

-- == an aggregate of an aggregate's column
-- m: t.a aggregated
-- (rows): t.k group
select max(n) as m from (select sum(a) as n from t group by k) as q

-- == an expression over an aggregate
-- x: t.a aggregated
select -coalesce(max(a), 0) as x from t

-- == an aggregate of some of the rows
-- x: t.a aggregated, t.z filter
select sum(a) filter (where z > 1) as x from t

-- == an aggregate in an order
-- x: t.a aggregated, t.b order
select list(a order by b) as x from t

-- == a quantile names its column in its order
-- x: t.a aggregated
select percentile_disc(0.5) within group (order by a) as x from t

-- == the value where another one is largest
-- x: t.a aggregated, t.b aggregated
select arg_max(a, b) as x from t

-- == an aggregate that only DuckDB has
-- x: t.a aggregated
select product(a) as x from t

-- == two names for one column
-- x: t.a renamed
-- y: t.a renamed
select a as x, a as y from t

-- == the same column twice
-- a: t.a passthrough
-- a_1: t.a renamed
select a, a from t

-- == an alias before its column
-- x: t.a renamed
-- y: t.b renamed
select x: a, y: b from t

-- == FROM first
-- a: t.a passthrough
from t select a

-- == nothing but FROM
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
from v

-- == an alias used in the same list
-- x: t.a derived
-- y: t.a derived, t.b derived
select a + 1 as x, x + b as y from t

-- == a column comes before an alias of its name
-- a: t.b renamed
-- y: t.a derived
select b as a, a + 1 as y from t

-- == an alias within a subquery of the same list
-- x: t.a derived
-- y: t.a derived
select a + 1 as x, (select x + 1) as y from t

-- == an aggregate that DuckDB names
-- max(a): t.a aggregated
-- count_star():
select max(a), count(*) from t

-- == expressions that DuckDB names after their text
-- #1: t.a derived
-- b: t.b passthrough
-- #3: t.a derived, t.b derived
select a + 1, b, a * b from t

-- == a name of its own for an expression of a subquery
-- x: t.a derived
select "(a + 1)" as x from (select a + 1 from t) as q

-- == a column by its place
-- x: t.b renamed
select #3 as x from t

-- == constants without parentheses
-- d:
-- u:
select current_date as d, user as u from t

-- == the number of a row
-- n: t.rowid renamed
select rowid as n from t

-- == a quoted name
-- A b: t.a renamed
select a as "A b" from t

-- == names that differ in nothing but case
-- x: t.a renamed
-- X_1: t.b renamed
select a as x, b as "X" from t

-- == the last of three equal names
-- w: t.k renamed
select a_2 as w from (select a, b as a, k as a from t) as q

-- == parts of a date are no columns
-- y: t.a derived
select date_trunc('year', date '2020-01-01' + a) as y from t

-- == NULL and intervals
-- x: t.a derived
select date '2020-01-01' + interval (a) day as x from t

-- == a lambda
-- x: t.l derived, t.a derived
select list_transform(l, lambda y: y + a) as x from t

-- == a lambda whose parameter has a column's name
-- x: t.l derived
select list_transform(l, lambda z: z + 1) as x from t

-- == a lambda over structs
-- x: t.s derived, t.a derived
select list_transform([s], lambda s: s.n + a) as x from t

-- == a list comprehension
-- x: t.l derived, t.a derived, t.z derived
select [y + a for y in l if y > z] as x from t

-- == a function of a schema
-- x: t.a derived, t.b derived
select main.greatest(a, b) as x from t

-- == a function of a schema that sees its rows in an order
-- x: t.a derived, t.b order
select main.first(a) as x from (select * from t order by b)

-- == a function called on a column
-- x: t.a derived
select a.abs() as x from t

-- == a function called on a column of a table
-- x: t.a derived
select t.a.abs() as x from t

-- == the largest few have no name of their own
-- #1: t.a aggregated
select max(a, 2) from t
