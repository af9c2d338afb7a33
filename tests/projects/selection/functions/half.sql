price / 2
