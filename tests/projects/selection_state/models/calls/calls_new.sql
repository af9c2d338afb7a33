select {{ fresh_macro() }} as id
