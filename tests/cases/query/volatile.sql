-- Functions whose value is another one at another time, and texts that are not understood.

-- name: the clock
-- tables: t
-- volatile: now
select * from t where at > now() - interval 1 day

-- name: the clock without parentheses
-- volatile: current_date current_time current_timestamp
select current_date, current_timestamp, current_time

-- name: a column named like the clock, quoted or qualified, is a column
-- tables: t
select "current_date", t.current_timestamp from t

-- name: today has a name of its own
-- volatile: current_date
select today()

-- name: chance
-- volatile: gen_random_uuid rand random uuid
select random(), uuid()

-- name: sequences
-- volatile: nextval
select nextval('ids')

-- name: the session
-- volatile: current_setting current_user getenv getvariable
select current_setting('TimeZone'), current_user, getvariable('x'), getenv('HOME')

-- name: where the session stands
-- volatile: current_database current_schema
select current_database(), current_schema()

-- name: a sample
-- tables: t
-- volatile: tablesample
select * from t using sample 10

-- name: a sample of a table
-- tables: t
-- volatile: tablesample
select * from t tablesample reservoir(10)

-- name: deep inside
-- tables: t u
-- volatile: now
select * from t where i in (select i from u where case when a then b else extract(year from now()) end > 1)

-- name: age counts from today with one argument, not with two
-- tables: t
-- volatile: age
select age(born), age(a, b) from t

-- name: what only looks like it
-- tables: t
select now, random as uuid, date_trunc('day', at), age(a, b) from t

-- name: nothing
-- error: found 0
-- just a comment

-- name: two statements
-- error: found 2
select 1; select 2

-- name: broken
-- error: Line 1
select from where group

-- name: a statement that the parser only carries along
-- error: CALL
call refresh()

-- name: an open quote
-- error: Error tokenizing
select 'a
