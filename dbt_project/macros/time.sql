{# The first Monday after a business day: the moment from which on its facts may be known. A fact of
   a Monday, its first instant included, counts from the next Monday on: strictly before. #}
{% macro known_from(day) -%}
    ({{ day }} + cast(8 - isodow({{ day }}) as integer))
{%- endmacro %}

{# The business day of an instant. #}
{% macro business_day(moment) -%}
    cast({{ moment }} at time zone '{{ var("business_timezone") }}' as date)
{%- endmacro %}

{# The instant at which a business day begins. #}
{% macro day_begins(day) -%}
    cast({{ day }} as timestamp) at time zone '{{ var("business_timezone") }}'
{%- endmacro %}

{# The moment of a run, for snapshots: dbt-duckdb's own has no zone, which `updated_at` has. #}
{% macro duckdb__snapshot_get_time() -%}
    {{ current_timestamp() }}
{%- endmacro %}
