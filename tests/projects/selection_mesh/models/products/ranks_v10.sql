select 10 as rank
