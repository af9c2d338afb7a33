number
