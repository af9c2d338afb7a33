select * from {{ ref('body_ephemeral') }} join {{ ref('reads_kept') }} using (id)
