select 'now' as word
