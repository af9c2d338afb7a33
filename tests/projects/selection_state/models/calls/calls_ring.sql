select {{ ring_a(0) }} as id
