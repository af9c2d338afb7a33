select * from {{ ref('crm', 'contacts') }}
