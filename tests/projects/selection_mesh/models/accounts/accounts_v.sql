select * from {{ ref('billing', 'accounts') }}
