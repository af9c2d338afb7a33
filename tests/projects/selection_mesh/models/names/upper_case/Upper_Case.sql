select * from {{ ref('UPPER') }}
