select * from {{ source('landing', 'invoices') }}
