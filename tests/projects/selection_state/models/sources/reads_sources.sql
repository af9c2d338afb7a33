select * from {{ source('landing', 'kept') }}, {{ source('landing', 'freshness_changed') }}, {{ source('by_var', 'one') }}
