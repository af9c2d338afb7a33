select 'a' as word, 1.5 as price
