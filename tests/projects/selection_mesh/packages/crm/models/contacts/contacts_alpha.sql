select * from {{ source('crm_raw', 'contacts') }}
