-- ---
-- select: source:raw.orders fct_orders
-- description: An order is for at least one item; returns are a status, never a negative quantity.
-- when: before_publish
-- ---
select * from this where quantity <= 0
