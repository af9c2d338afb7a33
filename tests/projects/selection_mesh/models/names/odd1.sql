select * from {{ ref('odd[1]') }}
