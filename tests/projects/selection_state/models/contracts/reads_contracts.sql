select * from {{ ref('contract_kept') }} join {{ ref('column_is_gone') }} using (id) join {{ ref('size_is_other') }} on true
