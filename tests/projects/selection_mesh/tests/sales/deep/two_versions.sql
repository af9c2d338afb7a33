select * from {{ ref('products', v=1) }}, {{ ref('products', v=2) }} where false
