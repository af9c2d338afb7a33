select * from {{ ref('products', version=3) }}, {{ ref('products') }}, {{ ref('ranks') }}, {{ ref('zeros', v=0) }}
