amount * (1 + {{ function('tax_rate') }}())
