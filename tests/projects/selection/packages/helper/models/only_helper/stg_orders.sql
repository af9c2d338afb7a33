select * from {{ ref('stg_rates') }}
