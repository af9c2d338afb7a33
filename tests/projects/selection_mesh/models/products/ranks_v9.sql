select 9 as rank
