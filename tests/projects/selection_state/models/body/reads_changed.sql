select * from {{ ref('body_changed') }}
