(select max(rate) from {{ ref('tax_rates') }})
