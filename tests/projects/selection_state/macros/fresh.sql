{% macro fresh_macro() %}1{% endmacro %}
