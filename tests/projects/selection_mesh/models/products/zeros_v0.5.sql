select 1 as zero
