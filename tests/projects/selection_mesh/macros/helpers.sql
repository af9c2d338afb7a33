{% macro helper() %}1{% endmacro %}
