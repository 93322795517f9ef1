{% test matches(model, column_name, pattern) %}
{# The whole value matches the regular expression; NULL is left to not_null. #}
select {{ column_name }}
from {{ model }}
where not regexp_full_match({{ column_name }}, '{{ pattern }}')
{% endtest %}
