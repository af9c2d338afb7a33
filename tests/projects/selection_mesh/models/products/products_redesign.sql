select * from {{ ref('products', v=1) }}
