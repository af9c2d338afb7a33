select 0 as zero
