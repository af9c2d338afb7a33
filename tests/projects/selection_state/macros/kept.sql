{% macro say(word) %}{% set sentence = "'" ~ word ~ "'" %}{{ sentence }}{% endmacro %}
{% macro dispatched() %}{{ adapter.dispatch('dispatched')() }}{% endmacro %}
{% macro default__dispatched() %}'default'{% endmacro %}
{% macro duckdb__dispatched() %}'now'{% endmacro %}
