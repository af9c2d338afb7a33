select {{ say('it') }} as id
