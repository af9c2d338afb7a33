select * from {{ source('raw', 'rates') }} join {{ ref('rate_codes') }} using (code)
