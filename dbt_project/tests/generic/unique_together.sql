{% test unique_together(model, columns) %}
{# No two rows share the values of these columns; NULL counts as a value. #}
select {{ columns | join(', ') }}, count(*) as rows_sharing_them
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
