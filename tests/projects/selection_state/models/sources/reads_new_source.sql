select * from {{ source('landing', 'is_new') }}
