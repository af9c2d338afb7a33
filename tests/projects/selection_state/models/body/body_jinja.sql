select {{ var('threshold') }} as threshold
