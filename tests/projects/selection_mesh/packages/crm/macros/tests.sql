{% test balanced(model, against) %}
select 1 from {{ model }}, {{ against }} where false
{% endtest %}
{% test filled(model, column_name=none) %}
select 1 from {{ model }} having count(*) = 0
{% endtest %}
