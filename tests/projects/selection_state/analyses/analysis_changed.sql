select 2 from {{ ref('body_kept') }}
