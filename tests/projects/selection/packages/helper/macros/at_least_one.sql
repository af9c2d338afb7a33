{% test at_least_one(model) %}
select 1 from {{ model }} having count(*) = 0
{% endtest %}
