{% macro tool() %}'now'{% endmacro %}
