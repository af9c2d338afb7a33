select {{ dispatched() }} as id
