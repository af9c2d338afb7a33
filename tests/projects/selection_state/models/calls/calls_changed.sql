select {{ changed() }} as id
