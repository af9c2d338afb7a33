select {{ changed() }} from {{ ref('reads_kept') }} where false
