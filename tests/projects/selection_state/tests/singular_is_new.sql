select 1 from {{ ref('tested') }} where false
