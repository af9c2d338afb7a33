select {{ function('function_body') }}(1), {{ function('function_kept') }}(1)
