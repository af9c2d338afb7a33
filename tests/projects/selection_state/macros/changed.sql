{% macro changed() %}'now'{% endmacro %}
{% macro through() %}{{ changed() }}{% endmacro %}
{% macro deeply() %}{{ say('x') }}{{ through() }}{% endmacro %}
{% macro ring_a(n) %}{% if n < 2 %}{{ ring_b(n + 1) }}{% endif %}{% endmacro %}
{% macro ring_b(n) %}{{ ring_a(n) }}{{ n }}{% endmacro %}
{% macro unused() %}'now'{% endmacro %}
