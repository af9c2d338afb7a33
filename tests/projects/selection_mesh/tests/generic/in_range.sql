{% test in_range(model, column_name, low=0) %}
select 1 from {{ model }} where {{ column_name }} < {{ low }}
{% endtest %}
