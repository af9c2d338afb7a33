{% test no_orphans(model, other, third=none) %}
select 1 from {{ model }}, {{ other }}{% if third %}, {{ third }}{% endif %} where false
{% endtest %}
