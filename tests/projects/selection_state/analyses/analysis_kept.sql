select 1 from {{ ref('body_changed') }}
