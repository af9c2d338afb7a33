select * from {{ ref('latest_moves') }}, {{ ref('typed', v=1) }}, {{ ref('new_version') }}
