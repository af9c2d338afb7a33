select * from {{ ref('kunden.größe') }}
