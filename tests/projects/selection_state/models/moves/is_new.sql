select * from {{ ref('after_rename') }}
