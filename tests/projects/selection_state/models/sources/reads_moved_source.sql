select * from {{ source('moved_schema', 'one') }}, {{ source('moved_file', 'one') }}
