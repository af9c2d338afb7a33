select * from {{ ref('sales_by_account') }}, {{ function('with_tax') }}(1)
