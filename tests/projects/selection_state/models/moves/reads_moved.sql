select * from {{ ref('has_moved') }}
