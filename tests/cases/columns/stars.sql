-- == everything
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
select * from v

-- == everything of two tables
-- k: u.k passthrough
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
-- k_1: v.k renamed
-- d: v.d passthrough
-- x: v.x passthrough
select * from u, v

-- == the second of two columns of one name
-- w: v.k renamed
select k_1 as w from (select * from u, v) as q

-- == everything of one of two tables
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
select v.* from u, v

-- == everything but a column
-- k: v.k passthrough
-- x: v.x passthrough
select * exclude (d) from v

-- == everything but a column of one table
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
select * exclude (u.k) from u, v

-- == EXCLUDE of a table's star
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
-- d: v.d passthrough
select u.* exclude (k), v.d from u, v

-- == EXCLUDE of what USING made one
-- d: v.d passthrough
-- x: v.x passthrough
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
-- (rows): u.k join, v.k join
select * exclude (k) from v join u using (k)

-- == a replaced column
-- k: v.k passthrough
-- d: v.x derived
-- x: v.x passthrough
select * replace (x + 1 as d) from v

-- == a column replaced by another table's
-- k: v.k passthrough
-- d: u.c renamed
-- x: v.x passthrough
select v.* replace (u.c as d) from v, u

-- == a replaced column that two tables have
-- k: u.c derived
-- d: v.d passthrough
-- x: v.x passthrough
-- c: u.c passthrough
-- z: u.z passthrough
-- t: u.t passthrough
select * replace (c + 1 as k) from v, u

-- == EXCLUDE and REPLACE
-- d: v.d derived
-- x: v.x passthrough
select * exclude (k) replace (d + 1 as d) from v

-- == a renamed column
-- k: v.k passthrough
-- e: v.d renamed
-- x: v.x passthrough
select * rename (d as e) from v

-- == columns by a pattern
-- d: v.d passthrough
-- x: v.x passthrough
select columns('d|x') from v

-- == a function of columns by a pattern
-- d: v.d aggregated
-- x: v.x aggregated
select max(columns('^[dx]$')) from v

-- == an expression of every column and another one
-- k: v.k derived, v.d derived
-- d: v.d derived
-- x: v.x derived, v.d derived
select columns(*) + d from v

-- == columns of a list
-- k: v.k passthrough
-- x: v.x passthrough
select columns(['k', 'x']) from v

-- == columns without some
-- k: v.k derived
-- d: v.d derived
select columns(* exclude (x)) + 1 from v

-- == columns of one table
-- k: v.k passthrough
-- d: v.d passthrough
-- x: v.x passthrough
select columns(v.*) from v, u

-- == columns unpacked
-- m: v.k derived, v.d derived, v.x derived
select coalesce(*columns(*)) as m from v

-- == columns under one alias
-- q: v.d renamed
-- q_1: v.x renamed
select columns('d|x') as q from v

-- == columns under names made of theirs
-- *: v.d unknown, v.x unknown
-- (unknown): COLUMNS gives names that are not known
select columns('(d|x)') as 'y_\1' from v

-- == columns that a lambda picks
-- *: v.k unknown, v.d unknown, v.x unknown
-- (unknown): COLUMNS picks columns that are not known
select columns(lambda c: c like 'd%') from v

-- == columns in a filter
-- k: v.k passthrough
-- (rows): v.d filter, v.x filter
select k from v where columns('d|x') > 1

-- == columns whose names are like something
-- d: v.d passthrough
select * like 'd%' from v

-- == columns whose names are not like something
-- k: v.k passthrough
-- x: v.x passthrough
select * not like 'd%' from v

-- == columns whose names are like something in any case
-- d: v.d passthrough
select * ilike 'D%' from v

-- == columns of a table whose names are like something
-- d: v.d passthrough
select v.* like 'd%' from v, u

-- == columns whose names match a pattern of another language
-- *: v.k unknown, v.d unknown, v.x unknown
-- (unknown): a pattern picks columns that are not known
select * glob 'd*' from v

-- == columns whose names match
-- d: v.d passthrough
-- x: v.x passthrough
select * similar to '[dx]' from v

-- == a whole row
-- v: v.k derived, v.d derived, v.x derived
select v from v

-- == a whole row under an alias of the table
-- r: v.k derived, v.d derived, v.x derived
select y as r from v as y

-- == a column comes before a whole row
-- t: u.t passthrough
select t from u as t

-- == whole rows counted
-- (loose) a row counts whatever it holds
-- n: v.k aggregated, v.d aggregated, v.x aggregated
select count(v) as n from v

-- == a whole row of a subquery
-- r: v.d derived
select q as r from (select d from v) as q

-- == a field of a whole row
-- (loose) fields are not followed
-- x: v.k derived, v.d derived, v.x derived
select struct_extract(y, 'd') as x from v as y

-- == a row as JSON
-- j: v.k derived, v.d derived, v.x derived
select to_json(v) as j from v

-- == a field
-- n: t.s derived
select s.n from t

-- == a field of a table's column
-- n: t.s derived
select t.s.n from t

-- == a field by its name in brackets
-- x: t.s derived
select s['n'] as x from t

-- == a field of a column called like its table
-- a: u.t derived
select t.a from u as t

-- == a field of a struct made on the way
-- (loose) fields are not followed
-- x: t.a derived, t.b derived
select r.f as x from (select {'f': a, 'g': b} as r from t) as q

-- == the fields of a struct
-- *: t.s unknown
-- (unknown): the fields of s are not known
select s.* from t

-- == UNNEST of a struct
-- *: t.s derived
-- (rows): t.s join
-- (unknown): UNNEST makes columns of fields that are not known
select unnest(s) from t

-- == a field that UNNEST of a struct made
-- x: t.s derived
-- (rows): t.s join
select n as x from (select unnest(s) from t) as q

-- == a table's name that is a column's nearer by
-- w: v.d filter, v.k filter, t.a unknown, v.x unknown
-- (unknown): a name may mean one of several columns
select exists (select 1 from v where v.d = x.a and v.k > 0) as w from t as x
