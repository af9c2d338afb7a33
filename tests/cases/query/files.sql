-- What is read from files, and what cannot be told from the text.

-- name: a reader with a pattern
-- files: data/*/x.csv
select * from read_csv('data/*/x.csv', header = true, types = {'a': 'int'})

-- name: every reader
-- files: a.csv b.parquet c.json d.txt e.bin f.ndjson g/*
select * from read_csv_auto('a.csv'), read_parquet('b.parquet'), read_json_auto('c.json'), read_text('d.txt'), read_blob('e.bin'),
    read_ndjson('f.ndjson'), glob('g/*')

-- name: a list of files
-- files: a.parquet b/*.parquet
from read_parquet(['a.parquet', 'b/*.parquet'])

-- name: a file named as a table
-- files: data/a.csv
from 'data/a.csv'

-- name: a file named as an identifier
-- files: a.parquet
select * from "a.parquet"

-- name: what is known only at run time becomes a star
-- files: data/day=*/x.csv
select * from read_csv('data/day=' || $day || '/x.csv')

-- name: the same through concat, in parentheses
-- files: data/*.csv
-- volatile: getvariable
select * from read_csv((concat('data/', getvariable('d'), '.csv')))

-- name: a file known only at run time is unknown
-- unknown: read_csv(...)
-- volatile: getvariable
select * from read_csv(getvariable('file'))

-- name: a remote file is a file
-- files: s3://bucket/*.parquet
from read_parquet('s3://bucket/*.parquet')

-- name: files within a common table expression
-- files: a.csv
-- tables: t
with a as (from 'a.csv') select * from a join t using (i)

-- name: readers of extensions are unknown
-- unknown: delta_scan(...) iceberg_scan(...) postgres_scan(...) sqlite_scan(...) st_read(...)
select * from iceberg_scan('a'), delta_scan('b'), sqlite_scan('c.db', 't'), postgres_scan('d', 'e', 'f'), st_read('g.shp')

-- name: tables named at run time are unknown
-- unknown: query_table(...)
from query_table('orders')

-- name: queries made at run time are unknown
-- unknown: query(...)
from query('from orders')

-- name: a table macro is unknown
-- unknown: my_macro(...)
-- tables: t
select * from my_macro(1) join t using (i)

-- name: system tables are unknown
-- unknown: duckdb_tables(...) information_schema.tables pg_catalog.pg_class
select * from duckdb_tables(), information_schema.tables, pg_catalog.pg_class
