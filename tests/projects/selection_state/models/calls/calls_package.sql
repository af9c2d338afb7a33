select {{ tools.tool() }} as id
