{% test changed_test(model, column_name) %}
select 1 from {{ model }} where {{ column_name }} = 'now'
{% endtest %}
{% test kept_test(model, column_name, low=0) %}
select 1 from {{ model }} where {{ column_name }} < {{ low }}
{% endtest %}
{% test calling_test(model, column_name) %}
select 1 from {{ model }} where {{ column_name }} = {{ through() }}
{% endtest %}
