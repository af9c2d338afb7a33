select * from {{ source('web', 'sessions') }} left join {{ ref('stg_events') }} using (id)
