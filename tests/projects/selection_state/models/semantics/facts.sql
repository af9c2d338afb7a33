select 1 as id, 2 as amount, 'a' as word, cast('2024-01-01' as date) as at
