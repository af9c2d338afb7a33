select 1 from {{ ref('body_kept') }} join {{ ref('body_changed') }} using (id) where false
