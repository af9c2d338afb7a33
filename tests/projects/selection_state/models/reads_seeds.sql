select * from {{ ref('content_changed') }} join {{ ref('content_kept') }} using (id)
