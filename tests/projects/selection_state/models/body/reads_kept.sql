select * from {{ ref('body_kept') }}
