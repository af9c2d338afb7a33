select * from {{ ref('body_kept') }} join {{ ref('is_new') }} using (id)
