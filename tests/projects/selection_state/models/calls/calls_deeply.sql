select {{ deeply() }} as id
