select 1 from {{ ref('body_kept') }} where id = 2
