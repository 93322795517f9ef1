{% test greater_than(model, column_name, value) %}
{# NULL is left to not_null. #}
select {{ column_name }}
from {{ model }}
where {{ column_name }} <= {{ value }}
{% endtest %}
