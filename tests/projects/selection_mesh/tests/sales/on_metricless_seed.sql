{{ config(severity='warn', group='ledger') }}
select * from {{ ref('tax_rates') }}, {{ ref('accounts_snapshot') }} where false
