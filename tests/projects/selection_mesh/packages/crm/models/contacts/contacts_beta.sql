select * from {{ ref('contacts', v='alpha') }}
